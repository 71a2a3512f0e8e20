"""Scorer of uniformity: the share of pixels near one colour, from a thumbnail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Le

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers import Score, Scorer


@dataclass(frozen=True, kw_only=True)
class UniformScorer(Scorer):
    gives: ClassVar[tuple[str, ...]] = ("uniform",)
    reads: ClassVar[str] = "thumbnail"
    tolerance: Annotated[int, Ge(0), Le(255)] = 12
    """Largest distance from the median at which a channel still counts as near."""

    def start(self, models: Mapping[str, Path]) -> Score:
        def note(views: Sequence[LazySample]) -> None:
            for view in views:
                view.scores["uniform"] = round(self.share(view.thumbnail), 4)

        return note

    def share(self, pixels: np.ndarray) -> float:
        """Share of the pixels that are near the median in all channels."""
        near = np.True_
        for values in np.ascontiguousarray(pixels.transpose(2, 0, 1)):
            counts = np.bincount(values.ravel(), minlength=256).cumsum()
            median = int(np.searchsorted(counts, (values.size + 1) // 2))
            close = np.zeros(256, bool)
            close[max(0, median - self.tolerance) : median + self.tolerance + 1] = True
            near = near & close[values]
        return float(near.mean())
