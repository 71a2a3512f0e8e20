"""MM-DiT: text and image tokens in one attention, separate weights per modality (Seedream 2.0; SD3's block).

Known from the report: joint attention, an MLP per modality, AdaLN, QK-norm, learned
text positions, 2D RoPE on the image. Inferred: separate projections and modulation
(as in SD3), the zero-initialised output, and a pooled text vector in the condition.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seedream_core.models.attention import attend, frequencies, split_heads
from seedream_core.models.conditions import Conditions
from seedream_core.models.layers import Condition, Mlp, Modulation, Positions, modulate, zero
from seedream_core.models.mmdit_config import MmditConfig


@dataclass(frozen=True)
class Velocity:
    """What the network predicts: d z_t / d t = noise - data."""

    velocity: Tensor
    """B x C x h x w."""
    hidden: list[Tensor]
    """Image tokens after each block, B x N x width; empty unless asked for."""


class Stream(nn.Module):
    """One modality's half of a block. `last` text streams give keys and values only."""

    def __init__(self, config: MmditConfig, last: bool = False) -> None:
        super().__init__()
        width = config.width
        self.last = last
        self.modulation = Modulation(config, 2 if last else 6)
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
    """Both streams' tokens attend to both streams' tokens; each stream then goes its own way."""

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
    """Velocity of noisy latents, given time and text."""

    def __init__(self, config: MmditConfig, *, channels: int, text_width: int) -> None:
        super().__init__()
        self.config, self.channels, self.text_width = config, channels, text_width
        width, cells = config.width, channels * config.patch**2
        self.image_in = nn.Linear(cells, width)
        if config.absolute:
            self.image_positions = Positions(width)
        # Raw LLM features destabilise diffusion; a norm before the projection is the open remedy (Sana).
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
        image = self.image_in(self._patches(latents, rows, columns))
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
        bias = self._bias(text_mask, rows * columns)
        states = []
        for block in self.blocks:
            image, text = block(image, text, per_stream, rotation, bias)
            if hidden:
                states.append(image)
        shift, scale = self.final_modulation(condition)[:, None, :].chunk(2, dim=-1)
        image = self.image_out(modulate(F.layer_norm(image, image.shape[-1:]), shift, scale))
        return Velocity(self._unpatch(image, rows, columns), states)

    def _patches(self, latents: Tensor, rows: int, columns: int) -> Tensor:
        batch, patch = latents.shape[0], self.config.patch
        cells = latents.reshape(batch, self.channels, rows, patch, columns, patch)
        return cells.permute(0, 2, 4, 1, 3, 5).reshape(batch, rows * columns, -1)

    def _unpatch(self, tokens: Tensor, rows: int, columns: int) -> Tensor:
        batch, patch = tokens.shape[0], self.config.patch
        cells = tokens.reshape(batch, rows, columns, self.channels, patch, patch)
        return cells.permute(0, 3, 1, 4, 2, 5).reshape(batch, self.channels, rows * patch, columns * patch)

    @staticmethod
    def _bias(text_mask: Tensor, image_tokens: int) -> Tensor | None:
        if text_mask.is_meta or bool(text_mask.all()):
            return None
        hidden = F.pad(~text_mask, (0, image_tokens), value=False)
        bias = torch.zeros(hidden.shape, device=hidden.device).masked_fill(hidden, float("-inf"))
        return bias[:, None, None, :]
