"""Single-stream DiT: text and image tokens in one sequence, with the same weights for both (Z-Image, Lumina-Image 2.0).

As in Z-Image's code: RMSNorm before and after each sublayer, AdaLN of a scale and a tanh gate without shifts, SwiGLU,
QK-norm, rotary positions on three axes (text, row, column), and text that reaches the image through attention alone.
Departures: text token i has position i + 1 on the text axis and the image has 0, so that padding does not move the
image (Z-Image puts it behind the longest text); no refiner blocks before the joint ones; the norm of queries and keys
has no weights, as in our MM-DiT; the last block updates image tokens only.
"""

from dataclasses import dataclass, field
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt
from torch import Tensor, nn

from seedream_core.models.attention import attend, frequencies, padding_bias, split_heads
from seedream_core.models.conditions import Conditions
from seedream_core.models.dit import DitConfig, Velocity
from seedream_core.models.layers import TIME_FEATURES, Modulation, TimeCondition, from_patches, to_patches, zero
from seedream_core.models.rope import Rope

EPS = 1e-6


@dataclass(frozen=True, kw_only=True)
class SingleStreamConfig(DitConfig):
    heads: Annotated[int, Ge(1)] = 3
    """Attention heads; the width must be a multiple of them."""
    mlp_ratio: Annotated[float, Gt(0)] = 2.67
    """Hidden features of the SwiGLU over the width, rounded down to a multiple of 8."""
    modulation_rank: Annotated[int, Ge(1)] = 48
    """Rank of the AdaLN matrices."""
    rope: Rope = field(default_factory=lambda: Rope.find("scaled")())
    """Rows and columns of the image tokens."""

    def __post_init__(self) -> None:
        if self.width % self.heads or self.width // self.heads % 2 or self.width // self.heads < 6:
            raise ValueError(
                f"width {self.width} over heads {self.heads} must be an even number of at least 6 (three axes, pairs)"
            )

    @property
    def hidden(self) -> int:
        return max(int(self.width * self.mlp_ratio) // 8 * 8, 8)

    def build(self, *, channels: int, text_width: int) -> "SingleStream":
        return SingleStream(self, channels=channels, text_width=text_width)

    def flops(self, image_tokens: int, text_tokens: int, *, channels: int, text_width: int) -> int:
        width, tokens = self.width, image_tokens + text_tokens
        after_attention = 2 * (width * width + 3 * width * self.hidden)
        block = tokens * (6 * width * width + after_attention) + 4 * tokens * tokens * width
        blocks = self.depth * block - text_tokens * after_attention
        edges = image_tokens * 4 * channels * self.patch**2 * width + text_tokens * 2 * text_width * width
        condition = (1 + self.guidance_embedding) * 2 * (TIME_FEATURES * width + width * width)
        modulation = self.depth * 2 * self.modulation_rank * 5 * width + 2 * width * width
        return blocks + edges + condition + modulation


class SwiGlu(nn.Module):
    """down(silu(gate) * up), gate and up in one product."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.up(x).chunk(2, dim=-1)
        return self.down(F.silu(gate) * up)


class SingleStreamBlock(nn.Module):
    """A block with one set of weights for text and image tokens."""

    def __init__(self, config: SingleStreamConfig) -> None:
        super().__init__()
        width, self.heads = config.width, config.heads
        self.modulation = Modulation(width, 4, rank=config.modulation_rank)
        self.attention_in, self.attention_out = nn.RMSNorm(width, eps=EPS), nn.RMSNorm(width, eps=EPS)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.mlp_in, self.mlp_out = nn.RMSNorm(width, eps=EPS), nn.RMSNorm(width, eps=EPS)
        self.mlp = SwiGlu(width, config.hidden)

    def forward(
        self, x: Tensor, condition: Tensor, rotation: tuple[Tensor, Tensor], bias: Tensor | None, *, drop: int
    ) -> Tensor:
        """B x T x width tokens; the first `drop` of them are used for attention only and left out of the result."""
        scale, gate, mlp_scale, mlp_gate = self.modulation(condition)
        projected = self.qkv(self.attention_in(x) * (1 + scale))
        q, k, v = split_heads(projected, self.heads, rotation, parts=3, turned=2)
        attended = attend(q, k, v, bias).transpose(1, 2).flatten(2)[:, drop:]
        x = x[:, drop:] + gate.tanh() * self.attention_out(self.out(attended))
        return x + mlp_gate.tanh() * self.mlp_out(self.mlp(self.mlp_in(x) * (1 + mlp_scale)))


class SingleStream(nn.Module):
    """Predicts the velocity of noisy latents from time and text."""

    def __init__(self, config: SingleStreamConfig, *, channels: int, text_width: int) -> None:
        super().__init__()
        self.config, self.channels, self.text_width = config, channels, text_width
        width, cells = config.width, channels * config.patch**2
        self.image_in = nn.Linear(cells, width)
        self.text_norm = nn.RMSNorm(text_width, eps=EPS)
        self.text_in = nn.Linear(text_width, width)
        self.condition = TimeCondition(width, guidance=config.guidance_embedding)
        self.blocks = nn.ModuleList(SingleStreamBlock(config) for _ in range(config.depth))
        self.final_modulation = zero(nn.Linear(width, width))
        self.image_out = zero(nn.Linear(width, cells))

    def forward(self, latents: Tensor, t: Tensor, conditions: Conditions, *, hidden: bool = False) -> Velocity:
        """B x C x h x w latents at times t (B, 1 is noise). With `hidden`, image tokens after each block too."""
        rows, columns = latents.shape[2] // self.config.patch, latents.shape[3] // self.config.patch
        image = self.image_in(to_patches(latents, self.config.patch))
        text = self.text_in(self.text_norm(conditions.text))
        condition, tokens = self.condition(t, conditions.guidance), text.shape[1]
        positions = self._positions(tokens, rows, columns).to(latents.device)
        rotation = frequencies(positions, self.config.width // self.config.heads)
        bias = padding_bias(conditions.text_mask, rows * columns)
        x, states = torch.cat([text, image], dim=1), []
        for index, block in enumerate(self.blocks):
            last = index == len(self.blocks) - 1
            x = block(x, condition, rotation, bias, drop=tokens if last else 0)
            if hidden:
                states.append(x if last else x[:, tokens:])
        scale = self.final_modulation(condition)[:, None, :]
        image = self.image_out(F.layer_norm(x, x.shape[-1:]) * (1 + scale))
        return Velocity(from_patches(image, rows, columns, self.config.patch), states)

    def _positions(self, text_tokens: int, rows: int, columns: int) -> Tensor:
        """(L + N) x 3: the place in the text, the row and the column."""
        text = F.pad(torch.arange(1, text_tokens + 1, dtype=torch.float32)[:, None], (0, 2))
        return torch.cat([text, F.pad(self.config.rope.positions(rows, columns), (1, 0))])
