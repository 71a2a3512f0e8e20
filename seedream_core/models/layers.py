"""Layers of the MM-DiT: time embedding, AdaLN modulation, MLP."""

import math

import torch
from torch import Tensor, nn

from seedream_core.models.attention import frequencies
from seedream_core.models.mmdit_config import POSITION_FEATURES, TIME_FEATURES, MmditConfig

LARGEST_GUIDANCE = 10.0
"""Scales up to this one are spread over the sinusoids as times from 0 to 1 are."""


def time_features(t: Tensor, count: int = TIME_FEATURES) -> Tensor:
    """Sinusoids of t in [0, 1]: B -> B x count, float32. Scaled by 1000, the usual number of diffusion times."""
    rates = torch.exp(-math.log(10_000) * torch.arange(count // 2, device=t.device, dtype=torch.float32) / (count // 2))
    angles = 1000 * t.float()[:, None] * rates
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class Positions(nn.Module):
    """Absolute places of image tokens, about as large as what is told of their latents.

    Inferred; the reports rotate only. A free table of that size, beside the rotation, lowered the training loss on
    pairs of objects after 48,000 pictures from 0.559 to 0.533 (one seed). A projection of sinusoids serves any
    resolution; it is not measured at that length yet.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(POSITION_FEATURES, width)

    def forward(self, positions: Tensor) -> Tensor:
        """N x 2 -> N x width."""
        return self.project(torch.cat(frequencies(positions, POSITION_FEATURES), dim=-1))


class Condition(nn.Module):
    """The vector that modulates every block: time plus pooled text, B x width (SD3's form).

    With `guidance` the scale of classifier-free guidance is embedded and added, as time is (arXiv 2210.03142). That
    begins as an addition of zero, so that a trained network answers as before until the embedding is trained.
    """

    def __init__(self, width: int, *, guidance: bool = False) -> None:
        super().__init__()
        self.time_in = nn.Linear(TIME_FEATURES, width)
        self.time_out = nn.Linear(width, width)
        self.text = nn.Linear(width, width)
        self.act = nn.SiLU()
        if guidance:
            self.guidance_in = nn.Linear(TIME_FEATURES, width)
            self.guidance_out = zero(nn.Linear(width, width))

    def forward(self, t: Tensor, text: Tensor, text_mask: Tensor, guidance: Tensor | None = None) -> Tensor:
        """B times, B x L x width text and its mask, and B guidance scales for a network that takes them."""
        weights = text_mask.to(text.dtype)[:, :, None]
        pooled = (text * weights).sum(1) / weights.sum(1).clamp(min=1)
        features = time_features(t).to(self.time_in.weight.dtype)
        vector = self.time_out(self.act(self.time_in(features))) + self.text(pooled)
        return self.act(vector + self._guidance(guidance))

    def _guidance(self, scale: Tensor | None) -> Tensor | float:
        if hasattr(self, "guidance_in") != (scale is not None):
            raise ValueError("a guidance scale goes to a network with a guidance embedding, and to no other")
        if scale is None:
            return 0.0
        features = time_features(scale / LARGEST_GUIDANCE).to(self.guidance_in.weight.dtype)
        return self.guidance_out(self.act(self.guidance_in(features)))


class Modulation(nn.Module):
    """AdaLN: the condition -> `count` vectors of shift, scale or gate, each B x 1 x width; zero at the start.

    A full matrix in every block and stream is a third of the network's weights;
    `low_rank` factors it, and `shared` adds a table per block to vectors that the
    network computes once for all blocks (PixArt's adaLN-single).
    """

    def __init__(self, config: MmditConfig, count: int) -> None:
        super().__init__()
        self.kind, self.count = config.modulation, count
        width = config.width
        if self.kind == "shared":
            self.table = nn.Parameter(torch.zeros(count * width))
        elif self.kind == "low_rank":
            self.down = nn.Linear(width, config.modulation_rank, bias=False)
            self.up = zero(nn.Linear(config.modulation_rank, count * width))
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
    """The same layer, giving zeros: what it feeds starts as if it were not there."""
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
