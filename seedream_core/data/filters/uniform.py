"""Pictures of nearly one colour: most pixels lie close to the median."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Le

from seedream_core.data.filters import Filter, View
from seedream_core.records import Verdict


@dataclass(frozen=True, kw_only=True)
class Uniform(Filter):
    reads: ClassVar[str] = "pixels"
    most: Annotated[float, Ge(0), Le(1)] = 0.99
    """Largest share of pixels near the median colour (the emptiest of the embedded scenes measured 0.986)."""
    tolerance: Annotated[int, Ge(0), Le(255)] = 12
    """How far from the median a channel may lie and still count as near."""

    def __call__(self, view: View) -> Verdict:
        near = np.True_
        for values in np.ascontiguousarray(view.pixels.transpose(2, 0, 1)):
            counts = np.bincount(values.ravel(), minlength=256).cumsum()
            median = int(np.searchsorted(counts, (values.size + 1) // 2))
            close = np.zeros(256, bool)
            close[max(0, median - self.tolerance):median + self.tolerance + 1] = True
            near = near & close[values]
        share = view.scores["uniform"] = round(float(near.mean()), 4)
        return Verdict(share <= self.most, f"{share:.1%} of the pixels are of one colour, over {self.most:.1%}")
