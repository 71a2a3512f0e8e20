"""Guidance between two times only (arXiv 2404.07724): outside them one evaluation is enough and pictures vary more."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Le

from seedream_core.flow.guidance.plain import PlainGuidance

if TYPE_CHECKING:
    from torch import Tensor

Time = Annotated[float, Ge(0), Le(1)]


@dataclass(frozen=True, kw_only=True)
class IntervalGuidance(PlainGuidance):
    start: Time = 0.0
    """The time nearest to the data (0) at which guidance acts."""
    end: Time = 1.0
    """The time nearest to the noise (1) at which guidance acts."""

    def __post_init__(self) -> None:
        if self.start > self.end:
            raise ValueError(f"start {self.start:g} must not be above end {self.end:g}: times run from noise, 1, to 0")

    def active(self, t: "Tensor") -> "Tensor":
        return (t >= self.start) & (t <= self.end)
