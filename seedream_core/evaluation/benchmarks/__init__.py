"""Speed benchmarks: each file times one of our components against a reference, after both gave the same result.

The two sides take turns (ours, the other, ours, ...) in one run after a warm-up; what counts is the ratio in each
round. A goal holds when the median ratio meets it and, for a goal above 1, the middle half of the ratios lies above 1.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from annotated_types import Ge

from seedream_core.workflow.config import Component


@dataclass(frozen=True)
class Comparison:
    """One case: seconds of both sides in each round, for `count` units of work."""

    case: str
    count: int
    ours: tuple[float, ...]
    other: tuple[float, ...]
    goal: float | None = None
    """Least median ratio, below 1 where the other side may be faster by that much; None where it is only reported."""

    @property
    def ratios(self) -> tuple[float, ...]:
        """How many times as long the other side takes."""
        return tuple(other / ours for ours, other in zip(self.ours, self.other))

    @property
    def holds(self) -> bool | None:
        if self.goal is None:
            return None
        median, lower = statistics.median(self.ratios), statistics.quantiles(self.ratios, n=4)[0]
        return median >= self.goal and (self.goal < 1 or lower > 1)

    def to_json(self) -> dict[str, Any]:
        low, middle, high = statistics.quantiles(self.ratios, n=4, method="inclusive")
        figures = {
            "ratio": middle,
            "least": min(self.ratios),
            "most": max(self.ratios),
            "lower_quartile": low,
            "upper_quartile": high,
        }
        return {
            "case": self.case,
            "goal": self.goal,
            "holds": self.holds,
            "rounds": len(self.ours),
            **{name: round(value, 3) for name, value in figures.items()},
            "ours_per_second": round(self.count / statistics.median(self.ours), 1),
            "other_per_second": round(self.count / statistics.median(self.other), 1),
        }


@dataclass(frozen=True, kw_only=True)
class Benchmark(Component):
    """Contract: `run(folder)` writes only there, asserts that both sides give the same, and then compares them."""

    suffix: ClassVar[str] = "Benchmark"

    rounds: Annotated[int, Ge(4)] = 7
    """Times that each side is timed."""

    def run(self, folder: Path) -> list[Comparison]:
        raise NotImplementedError

    def compare(
        self, case: str, count: int, ours: Callable[[], Any], other: Callable[[], Any], goal: float | None = None
    ) -> Comparison:
        """Time both sides in turns, after one round that does not count."""
        seconds = [(_timed(ours), _timed(other)) for _ in range(self.rounds + 1)][1:]
        return Comparison(case, count, *zip(*seconds), goal)


def _timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
