"""Filter of captions that belong to another picture, judged by a dual encoder.

Measured on 10,000 synthetic scenes (a fresh seed, one try), 975 of them with the captions of another scene: precision
1.000 and recall 0.949 by an encoder trained on these same samples for three minutes; 0.971 and 0.992 by one trained on
other, clean samples; 0.986 and 1.000 after twice the steps on twice the samples. Captions with a single wrong detail
are found less often: 23%, 62% and 80% of 307; a swapped order (a left of b for b left of a) is never found.
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
    """Minimum probability that the captions belong to the picture; below one half they more likely belong to another
    picture."""

    def __call__(self, view: LazySample) -> Verdict:
        found = view.scores["agreement"]
        return Verdict(
            found >= self.min_agreement,
            f"agreement of captions and picture {found:.2f} is under {self.min_agreement:.2f}",
        )
