"""Classifier-free guidance as published (arXiv 2207.12598): extrapolates from the null caption by a constant scale."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seedream_core.flow.guidance import GuidanceRule

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class PlainGuidance(GuidanceRule):
    def guide(self, unconditional: "Tensor", conditional: "Tensor", scale: "float | Tensor") -> "Tensor":
        return unconditional + scale * (conditional - unconditional)
