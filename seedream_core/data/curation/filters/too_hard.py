"""Extremely hard knowledge pictures are kept in part only (Seedream 4.0): which, a hash of their keys decides."""

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
    """Difficulty above which a picture is extremely hard: the score of `EXTREME` in knowledge/rating."""
    keep: Annotated[float, Ge(0), Le(1)] = 0.25
    """Share of those that is kept."""
    tag: str = "knowledge"
    """Only samples with this tag are judged, as the score says nothing of photographs; an empty one judges all."""
    seed: Annotated[int, Ge(0)] = 0
    """Another one keeps others."""

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
