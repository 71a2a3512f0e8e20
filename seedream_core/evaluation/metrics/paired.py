"""Paired comparison of two models on the same prompts and noise (McNemar's exact test, 1947)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import comb, sqrt


@dataclass(frozen=True)
class Paired:
    """Counts of one comparison; `points` is second minus first, in percentage points."""

    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def count(self) -> int:
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def differ(self) -> int:
        return self.only_first + self.only_second

    @property
    def points(self) -> float:
        return 100 * (self.only_second - self.only_first) / self.count

    @property
    def margin(self) -> float:
        """Half the 95% interval of `points` (Agresti and Min 2005: Wald's interval with half a picture added to each of
        the four counts, so that it is not empty where few or no pictures differ)."""
        gap, count = self.only_second - self.only_first, self.count + 2
        return 196 * sqrt(self.differ + 1 - gap * gap / count) / count

    @property
    def p(self) -> float:
        """Probability of a split at least as uneven if neither model were better: binomial, two-sided."""
        tail = sum(comb(self.differ, k) for k in range(min(self.only_first, self.only_second) + 1))
        return min(1.0, 2 * tail / 2**self.differ)

    def to_json(self) -> dict:
        return asdict(self) | {"points": self.points, "margin": self.margin, "p": self.p}


def compare(first: Sequence[bool], second: Sequence[bool]) -> Paired:
    pairs = [(bool(a), bool(b)) for a, b in zip(first, second, strict=True)]
    if not pairs:
        raise ValueError("nothing to compare: both models need at least one picture")
    return Paired(
        both=pairs.count((True, True)),
        only_first=pairs.count((True, False)),
        only_second=pairs.count((False, True)),
        neither=pairs.count((False, False)),
    )
