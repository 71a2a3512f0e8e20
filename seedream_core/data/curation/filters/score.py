"""Filter by any single score between two bounds, such as one from a scorer or from a head of data/label."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from seedream_core.data.curation.filters import Filter, LazySample
from seedream_core.records import Verdict


@dataclass(frozen=True, kw_only=True)
class ScoreFilter(Filter):
    renamed: ClassVar[Mapping[str, str]] = {"least": "min_value", "most": "max_value"}
    score: str
    """Name of the score in the record's `scores`: `defect`, `aesthetic`, `difficulty`, …"""
    min_value: float | None = None
    """Lower bound; not set means no bound."""
    max_value: float | None = None
    """Upper bound; not set means no bound."""

    def __post_init__(self) -> None:
        if self.min_value is None and self.max_value is None:
            raise ValueError(f"score {self.score}: give min_value, max_value or both")
        if self.min_value is not None and self.max_value is not None and self.min_value > self.max_value:
            raise ValueError(
                f"score {self.score}: min_value ({self.min_value:g}) is over max_value ({self.max_value:g})"
            )

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.score,)

    def __call__(self, view: LazySample) -> Verdict:
        found = view.scores[self.score]
        if self.min_value is not None and found < self.min_value:
            return Verdict(False, f"{self.score} {found:.3g} is under {self.min_value:.3g}")
        return Verdict(
            self.max_value is None or found <= self.max_value,
            f"{self.score} {found:.3g} is over {self.max_value or 0:.3g}",
        )
