"""MM-DiT: text and image tokens in one attention, separate weights per modality (Seedream 2.0; SD3's block).

Known from the report: joint attention, an MLP per modality, AdaLN, QK-norm, learned
text positions, 2D RoPE on the image. Inferred: separate projections and modulation
(as in SD3), the zero-initialised output, and a pooled text vector in the condition.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt
from torch import Tensor, nn

from seedream_core.models.attention import attend, frequencies, padding_bias, split_heads
from seedream_core.models.conditions import Conditions
from seedream_core.models.dit import DitConfig, Velocity
from seedream_core.models.layers import (
    POSITION_FEATURES,
    TIME_FEATURES,
    Condition,
    Mlp,
    Modulation,
    Positions,
    from_patches,
    modulate,
    to_patches,
    zero,
)
from seedream_core.models.rope import Rope


@dataclass(frozen=True, kw_only=True)
class MmditConfig(DitConfig):
    """A two-stream transformer: joint attention, separate weights for each modality (Seedream 2.0)."""

    heads: Annotated[int, Ge(1)] = 3
    """Attention heads; the width must be a multiple of them."""
    mlp_ratio: Annotated[float, Gt(0)] = 4.0
    """Hidden features of the MLP over the width."""
    modulation: Literal["full", "low_rank", "shared"] = "low_rank"
    """AdaLN weights: a matrix per block and stream, a low-rank one, or one for all blocks plus a table per block."""
    modulation_rank: Annotated[int, Ge(1)] = 48
    """Rank of `low_rank` modulation."""
    rope: Rope = field(default_factory=lambda: Rope.find("scaled")())
    """Positions of the image tokens."""
    absolute: bool = False
    """Adds an absolute position to image tokens; rotary positions give only distances."""
    text_positions: Annotated[int, Ge(1)] = 128
    """Longest text, in tokens: each position has a learned embedding (Seedream 2.0)."""

    def __post_init__(self) -> None:
        if self.width % self.heads or (self.width // self.heads) % 4:
            raise ValueError(
                f"width {self.width} over heads {self.heads} must be a whole multiple of 4 (two axes, pairs)"
            )

    @property
    def hidden(self) -> int:
        return int(self.width * self.mlp_ratio)

    @property
    def longest_text(self) -> int:
        return self.text_positions

    def build(self, *, channels: int, text_width: int) -> "Mmdit":
        return Mmdit(self, channels=channels, text_width=text_width)

    def flops(self, image_tokens: int, text_tokens: int, *, channels: int, text_width: int) -> int:
        width, tokens = self.width, image_tokens + text_tokens
        stream = 2 * width * (4 * width + 2 * self.hidden)
        attention = 4 * tokens * tokens * width
        blocks = self.depth * (tokens * stream + attention)
        # The last block's text stream ends with its keys and values: no queries, no output, no MLP.
        blocks -= text_tokens * (2 * width * (2 * width + 2 * self.hidden) + 4 * tokens * width)
        cells = channels * self.patch**2
        edges = image_tokens * 4 * cells * width + text_tokens * 2 * text_width * width
        edges += self.absolute * image_tokens * 2 * POSITION_FEATURES * width
        condition = 2 * (TIME_FEATURES * width + 2 * width * width)
        condition += self.guidance_embedding * 2 * (TIME_FEATURES * width + width * width)
        return blocks + edges + condition + 2 * self._modulation_products() + 4 * width * width

    def _modulation_products(self) -> int:
        """Multiplications of the blocks' AdaLN matrices, for one picture."""
        outputs = 6 * self.width * (2 * self.depth - 1) + 2 * self.width
        if self.modulation == "full":
            return self.width * outputs
        if self.modulation == "low_rank":
            return self.modulation_rank * (outputs + 2 * self.depth * self.width)
        return 2 * self.width * 6 * self.width


class Stream(nn.Module):
    """One modality's half of a block. The text stream of the last block gives keys and values only."""

    def __init__(self, config: MmditConfig, last: bool = False) -> None:
        super().__init__()
        width = config.width
        self.last = last
        self.modulation = Modulation(width, 2 if last else 6, kind=config.modulation, rank=config.modulation_rank)
        self.qkv = nn.Linear(width, (2 if last else 3) * width)
        if not last:
            self.out = nn.Linear(width, width)
            self.mlp = Mlp(width, config.hidden)

    def project(self, x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        """Queries (unless `last`), keys and values side by side: B x N x 3 width."""
        return self.qkv(modulate(F.layer_norm(x, x.shape[-1:]), shift, scale))

    def update(self, x: Tensor, attended: Tensor, vectors: tuple[Tensor, ...]) -> Tensor:
        gate, mlp_shift, mlp_scale, mlp_gate = vectors
        x = torch.addcmul(x, gate, self.out(attended))
        return torch.addcmul(x, mlp_gate, self.mlp(modulate(F.layer_norm(x, x.shape[-1:]), mlp_shift, mlp_scale)))


class Block(nn.Module):
    """All tokens attend to all tokens of both streams; each stream then has its own MLP."""

    def __init__(self, config: MmditConfig, last: bool) -> None:
        super().__init__()
        self.heads = config.heads
        self.image = Stream(config)
        self.text = Stream(config, last)

    def forward(
        self,
        image: Tensor,
        text: Tensor,
        conditions: tuple[Tensor, Tensor],
        rotation: tuple[Tensor, Tensor],
        bias: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        tokens = text.shape[1]
        image_vectors = self.image.modulation(conditions[0])
        text_vectors = self.text.modulation(conditions[1])
        image_qkv = self.image.project(image, *image_vectors[:2])
        text_qkv = self.text.project(text, *text_vectors[:2])
        if self.text.last:
            width = image.shape[-1]
            (q,) = split_heads(image_qkv[..., :width], self.heads, rotation, parts=1, turned=1)
            both = torch.cat([text_qkv, image_qkv[..., width:]], dim=1)
            k, v = split_heads(both, self.heads, rotation, parts=2, turned=1)
        else:
            both = torch.cat([text_qkv, image_qkv], dim=1)
            q, k, v = split_heads(both, self.heads, rotation, parts=3, turned=2)
        attended = attend(q, k, v, bias).transpose(1, 2).flatten(2)
        if self.text.last:
            return self.image.update(image, attended, image_vectors[2:]), text
        return (
            self.image.update(image, attended[:, tokens:], image_vectors[2:]),
            self.text.update(text, attended[:, :tokens], text_vectors[2:]),
        )


class Mmdit(nn.Module):
    """Predicts the velocity of noisy latents from time and text."""

    def __init__(self, config: MmditConfig, *, channels: int, text_width: int) -> None:
        super().__init__()
        self.config, self.channels, self.text_width = config, channels, text_width
        width, cells = config.width, channels * config.patch**2
        self.image_in = nn.Linear(cells, width)
        if config.absolute:
            self.image_positions = Positions(width)
        # Raw LLM features destabilise diffusion; a norm before the projection helps (Sana).
        self.text_norm = nn.RMSNorm(text_width, eps=1e-6)
        self.text_in = nn.Linear(text_width, width)
        self.text_positions = nn.Parameter(torch.randn(config.text_positions, width) * 0.02)
        self.condition = Condition(width, guidance=config.guidance_embedding)
        self.blocks = nn.ModuleList(Block(config, last=index == config.depth - 1) for index in range(config.depth))
        if config.modulation == "shared":
            self.image_modulation = zero(nn.Linear(width, 6 * width))
            self.text_modulation = zero(nn.Linear(width, 6 * width))
        self.final_modulation = zero(nn.Linear(width, 2 * width))
        self.image_out = zero(nn.Linear(width, cells))

    def forward(self, latents: Tensor, t: Tensor, conditions: Conditions, *, hidden: bool = False) -> Velocity:
        """B x C x h x w latents at times t (B, 1 is noise). With `hidden`, image tokens after each block too."""
        rows, columns = latents.shape[2] // self.config.patch, latents.shape[3] // self.config.patch
        image = self.image_in(to_patches(latents, self.config.patch))
        positions = self.config.rope.positions(rows, columns).to(latents.device)
        if self.config.absolute:
            image = image + self.image_positions(positions).to(image.dtype)
        text, text_mask = self.text_in(self.text_norm(conditions.text)), conditions.text_mask
        text = text + self.text_positions[: text.shape[1]].to(text.dtype)
        condition = self.condition(t, text, text_mask, conditions.guidance)
        per_stream = (condition, condition)
        if self.config.modulation == "shared":
            per_stream = (self.image_modulation(condition), self.text_modulation(condition))
        rotation = frequencies(positions, self.config.width // self.config.heads)
        bias = padding_bias(text_mask, rows * columns)
        states = []
        for block in self.blocks:
            image, text = block(image, text, per_stream, rotation, bias)
            if hidden:
                states.append(image)
        shift, scale = self.final_modulation(condition)[:, None, :].chunk(2, dim=-1)
        image = self.image_out(modulate(F.layer_norm(image, image.shape[-1:]), shift, scale))
        return Velocity(from_patches(image, rows, columns, self.config.patch), states)
