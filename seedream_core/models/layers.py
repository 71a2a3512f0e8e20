"""Layers of diffusion transformers: patches, time and guidance embeddings, AdaLN modulation, MLP."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from seedream_core.models.attention import frequencies

TIME_FEATURES = 256
POSITION_FEATURES = 32

LARGEST_GUIDANCE = 10.0
"""Scales up to this one are spread over the sinusoids as times from 0 to 1 are."""


def time_features(t: Tensor, count: int = TIME_FEATURES) -> Tensor:
    """Sinusoids of t in [0, 1]: B -> B x count, float32. Scaled by 1000, the usual number of diffusion times."""
    rates = torch.exp(-math.log(10_000) * torch.arange(count // 2, device=t.device, dtype=torch.float32) / (count // 2))
    angles = 1000 * t.float()[:, None] * rates
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class Positions(nn.Module):
    """Absolute positions of image tokens, at about the scale of the projected latents.

    Our choice: the reports use rotary positions only. A learned table, beside the rotation, lowered the training loss
    on pairs of objects after 48,000 pictures from 0.559 to 0.533 (one seed). A projection of sinusoids serves any
    resolution; it is not measured at that length yet.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(POSITION_FEATURES, width)

    def forward(self, positions: Tensor) -> Tensor:
        """N x 2 -> N x width."""
        return self.project(torch.cat(frequencies(positions, POSITION_FEATURES), dim=-1))


class TimeCondition(nn.Module):
    """The vector that modulates every block, B x width: time, and the guidance scale for networks that take one.

    The guidance embedding is added to that of time (arXiv 2210.03142). It adds zero at first, so that a trained
    network gives the same output until the embedding is trained.
    """

    def __init__(self, width: int, *, guidance: bool = False) -> None:
        super().__init__()
        self.time_in = nn.Linear(TIME_FEATURES, width)
        self.time_out = nn.Linear(width, width)
        self.act = nn.SiLU()
        if guidance:
            self.guidance_in = nn.Linear(TIME_FEATURES, width)
            self.guidance_out = zero(nn.Linear(width, width))

    def forward(self, t: Tensor, guidance: Tensor | None = None) -> Tensor:
        """B times, and B guidance scales for a network that takes them."""
        return self.act(self._sum(t, guidance))

    def _sum(self, t: Tensor, guidance: Tensor | None) -> Tensor:
        vector = self.time_out(self.act(self.time_in(time_features(t).to(self.time_in.weight.dtype))))
        if hasattr(self, "guidance_in") != (guidance is not None):
            raise ValueError(
                "a network with a guidance embedding needs a guidance scale, and no other network takes one"
            )
        if guidance is None:
            return vector
        features = time_features(guidance / LARGEST_GUIDANCE).to(self.guidance_in.weight.dtype)
        return vector + self.guidance_out(self.act(self.guidance_in(features)))


class Condition(TimeCondition):
    """The same with the pooled text added (SD3's form)."""

    def __init__(self, width: int, *, guidance: bool = False) -> None:
        super().__init__(width, guidance=guidance)
        self.text = nn.Linear(width, width)

    def forward(self, t: Tensor, text: Tensor, text_mask: Tensor, guidance: Tensor | None = None) -> Tensor:
        """B times, B x L x width text and its mask, and B guidance scales for a network that takes them."""
        weights = text_mask.to(text.dtype)[:, :, None]
        pooled = (text * weights).sum(1) / weights.sum(1).clamp(min=1)
        return self.act(self._sum(t, guidance) + self.text(pooled))


class Modulation(nn.Module):
    """AdaLN: the condition -> `count` vectors of shift, scale or gate, each B x 1 x width; zero at the start.

    A full matrix in every block and stream is a third of the network's weights;
    `low_rank` factors it, and `shared` adds a table per block to vectors that the
    network computes once for all blocks (PixArt's adaLN-single).
    """

    def __init__(
        self, width: int, count: int, *, kind: Literal["full", "low_rank", "shared"] = "low_rank", rank: int
    ) -> None:
        super().__init__()
        self.kind, self.count = kind, count
        if self.kind == "shared":
            self.table = nn.Parameter(torch.zeros(count * width))
        elif self.kind == "low_rank":
            self.down = nn.Linear(width, rank, bias=False)
            self.up = zero(nn.Linear(rank, count * width))
        else:
            self.full = zero(nn.Linear(width, count * width))

    def forward(self, condition: Tensor) -> tuple[Tensor, ...]:
        """`condition` is B x width, or for `shared` the common vectors, B x 6 width, of which the first are taken."""
        if self.kind == "shared":
            vectors = condition[:, : self.table.shape[0]] + self.table
        elif self.kind == "low_rank":
            vectors = self.up(self.down(condition))
        else:
            vectors = self.full(condition)
        return vectors[:, None, :].chunk(self.count, dim=-1)


class Mlp(nn.Module):
    """Linear, GELU, linear. The exact GELU: its tanh form is three times slower on CPU in bf16."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, hidden)
        self.act = nn.GELU()
        self.down = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.act(self.up(x)))


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """(1 + scale) x + shift, broadcast over tokens."""
    return torch.addcmul(shift, x, 1 + scale)


def zero(linear: nn.Linear) -> nn.Linear:
    """The same layer with zero weights and bias, so that it adds nothing at first."""
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


def to_patches(latents: Tensor, patch: int) -> Tensor:
    """B x C x h x w -> B x N x (C patch²): the cells of each token, row by row."""
    batch, channels, height, width = latents.shape
    cells = latents.reshape(batch, channels, height // patch, patch, width // patch, patch)
    return cells.permute(0, 2, 4, 1, 3, 5).reshape(batch, height // patch * (width // patch), -1)


def from_patches(tokens: Tensor, rows: int, columns: int, patch: int) -> Tensor:
    """The inverse of `to_patches`: B x N x (C patch²) -> B x C x h x w."""
    cells = tokens.reshape(len(tokens), rows, columns, -1, patch, patch)
    return cells.permute(0, 3, 1, 4, 2, 5).reshape(len(tokens), -1, rows * patch, columns * patch)
