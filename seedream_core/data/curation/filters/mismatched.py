"""Captions that belong to another picture, as a dual encoder sees it.

Measured on 10,000 scenes of the embedded world (seed never used before, one try), 975 with the captions of another
scene: precision 1.000 and recall 0.949 by an encoder that learned from these very samples in three minutes, 0.971 and
0.992 by one that learned from other, clean ones; 0.986 and 1.000 after twice the steps on twice the samples. Captions
with a single thing wrong are found less: 23%, 62% and 80% of 307; an interchanged order (a left of b for b left of a)
never.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from seedream_core.data.curation.filters import Filter, LazySample
from seedream_core.records import Verdict


@dataclass(frozen=True, kw_only=True)
class MismatchedFilter(Filter):
    needs: ClassVar[tuple[str, ...]] = ("agreement",)
    renamed: ClassVar[Mapping[str, str]] = {"least": "min_agreement"}
    min_agreement: Annotated[float, Ge(0), Le(1)] = 0.5
    """Least chance that the captions are the picture's own; at even odds they are more likely another's."""

    def __call__(self, view: LazySample) -> Verdict:
        found = view.scores["agreement"]
        return Verdict(
            found >= self.min_agreement,
            f"agreement of captions and picture {found:.2f} is under {self.min_agreement:.2f}",
        )
