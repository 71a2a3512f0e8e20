"""Filter of pictures that are smaller than the training size."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from seedream_core.data.curation.filters import Filter, LazySample
from seedream_core.records import Verdict


@dataclass(frozen=True, kw_only=True)
class SizeFilter(Filter):
    width: Annotated[int, Ge(1)] = 64
    """Minimum width in pixels."""
    height: Annotated[int, Ge(1)] = 64
    """Minimum height in pixels."""

    def __call__(self, view: LazySample) -> Verdict:
        width, height = view.size
        fits = width >= self.width and height >= self.height
        return Verdict(fits, "" if fits else f"{width}×{height} is under {self.width}×{self.height}")
