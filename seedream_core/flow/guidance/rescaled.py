"""Guidance that keeps the conditional velocity's length, so that a large scale changes its direction only (Qwen-Image).

Qwen-Image takes the length over the channels of one token, 2 x 2 latent cells. Here it is taken over one latent cell,
which is the same for networks of patch 1.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seedream_core.flow.guidance.plain import PlainGuidance

if TYPE_CHECKING:
    from torch import Tensor

SMALLEST = 1e-12


@dataclass(frozen=True, kw_only=True)
class RescaledGuidance(PlainGuidance):
    def guide(self, unconditional: "Tensor", conditional: "Tensor", scale: "float | Tensor") -> "Tensor":
        guided = super().guide(unconditional, conditional, scale)
        length = guided.norm(dim=1, keepdim=True).clamp_min(SMALLEST)
        return guided * (conditional.norm(dim=1, keepdim=True) / length)
