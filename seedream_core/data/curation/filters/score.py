"""Any one score between two bounds: what a scorer noted, a head of data/label among them."""

from dataclasses import dataclass

from seedream_core.data.curation.filters import Filter, LazySample
from seedream_core.records import Verdict


@dataclass(frozen=True, kw_only=True)
class ScoreFilter(Filter):
    score: str
    """Its name, as in the record's `scores`: `defect`, `aesthetic`, `difficulty`, …"""
    least: float | None = None
    """Lower bound; none for no bound."""
    most: float | None = None
    """Upper bound; none for no bound."""

    def __post_init__(self) -> None:
        if self.least is None and self.most is None:
            raise ValueError(f"score {self.score}: give least, most or both")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError(f"score {self.score}: least ({self.least:g}) is over most ({self.most:g})")

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.score,)

    def __call__(self, view: LazySample) -> Verdict:
        found = view.scores[self.score]
        if self.least is not None and found < self.least:
            return Verdict(False, f"{self.score} {found:.3g} is under {self.least:.3g}")
        return Verdict(
            self.most is None or found <= self.most, f"{self.score} {found:.3g} is over {self.most or 0:.3g}"
        )
