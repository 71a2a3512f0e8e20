"""Filter that keeps only a part of the extremely hard knowledge pictures (Seedream 4.0), chosen by a hash of their
keys.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from seedream_core.data.curation.filters import Filter, LazySample
from seedream_core.randomness import fraction
from seedream_core.records import Verdict


@dataclass(frozen=True, kw_only=True)
class TooHardFilter(Filter):
    needs: ClassVar[tuple[str, ...]] = ("difficulty",)
    renamed: ClassVar[Mapping[str, str]] = {"most": "max_difficulty"}
    max_difficulty: Annotated[float, Ge(0), Le(1)] = 0.6667
    """Difficulty above which a picture is extremely hard: the score of `EXTREME` in synthetic/documents/rating."""
    keep: Annotated[float, Ge(0), Le(1)] = 0.25
    """Share of these pictures that is kept."""
    tag: str = "knowledge"
    """Only samples with this tag are judged, because the score is meaningless for photographs; an empty tag judges all
    samples."""
    seed: Annotated[int, Ge(0)] = 0
    """Random seed; another seed keeps other pictures."""

    def __call__(self, view: LazySample) -> Verdict:
        if self.tag and self.tag not in view.sample.tags:
            return Verdict(True)
        found = view.scores["difficulty"]
        stays = found <= self.max_difficulty or fraction(self.seed, view.sample.key, 0, "too hard") < self.keep
        return Verdict(
            stays,
            ""
            if stays
            else f"difficulty {found:.2f} is over {self.max_difficulty:.2f}, and {self.keep:.0%} of those are kept",
        )
