"""The funnel's benchmark keeps the same samples on both sides, the planned share of them, and stops where it does
not.
"""

import pytest

from seedream_core.errors import DataError
from seedream_core.evaluation.benchmarks import Benchmark, funnel

SMALL = {"samples": 40, "size": 128, "rounds": 4, "mixes": ((0.45, 0.35, 0.05), (0.2, 0.3, 0.35))}


def test_both_sides_keep_the_same(tmp_path):
    first, second = Benchmark.find("funnel")(**SMALL).run(tmp_path)
    assert first.goal == 4.0 and second.goal is None and first.count == 40 and "45% / 35% / 5%" in first.case
    assert min(first.ratios) > 1


def test_what_differs_is_not_timed(tmp_path, monkeypatch):
    monkeypatch.setattr(funnel, "_everything", lambda plan, corpus: [])
    with pytest.raises(DataError, match="6 and 0 of 40 are kept"):
        Benchmark.find("funnel")(**SMALL).run(tmp_path)
