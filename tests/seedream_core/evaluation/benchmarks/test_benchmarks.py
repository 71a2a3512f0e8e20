"""Sides take turns; a goal holds where the median meets it and, for a goal above 1, the middle half lies above 1."""

import pytest

from seedream_core.evaluation.benchmarks import Benchmark, Comparison


@pytest.mark.parametrize(
    "ratios, goal, holds",
    [
        ((5, 6, 7, 5, 6, 7, 6), 5.0, True),
        ((5, 6, 7, 5, 6, 7, 6), 6.5, False),
        ((0.5, 0.9, 0.8, 9, 9, 9, 9), 5.0, False),
        ((0.95, 0.93, 0.94, 0.8, 0.96, 0.95, 0.92), 0.9, True),
        ((0.85, 0.83, 0.84, 0.95, 0.86, 0.85, 0.82), 0.9, False),
        ((5, 6, 7, 5, 6, 7, 6), None, None),
    ],
)
def test_when_a_goal_holds(ratios, goal, holds):
    one = Comparison("x", 10, (2.0,) * 7, tuple(2.0 * ratio for ratio in ratios), goal)
    assert one.holds is holds
    summary = one.to_json()
    assert (summary["least"], summary["most"], summary["ratio"]) == (min(ratios), max(ratios), sorted(ratios)[3])
    assert (
        summary["ours_per_second"] == 5
        and summary["rounds"] == 7
        and summary["lower_quartile"] <= summary["ratio"] <= summary["upper_quartile"]
    )


def test_sides_take_turns_after_a_warm_up():
    order = []
    one = Benchmark(rounds=4).compare("x", 1, lambda: order.append("a"), lambda: order.append("b"), 2.0)
    assert order == ["a", "b"] * 5 and len(one.ours) == len(one.other) == 4 and all(second > 0 for second in one.ours)
