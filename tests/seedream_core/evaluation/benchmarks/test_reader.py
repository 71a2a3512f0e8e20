"""The reader's benchmark compares what is equal, and stops where it is not."""

import pytest

from seedream_core.data.storage.shards import ShardReader
from seedream_core.errors import DataError
from seedream_core.evaluation.benchmarks import Benchmark

SMALL = {"sizes": ((500, 30), (3000, 30)), "samples": 60, "rounds": 4, "goal_bytes": 1000}


def test_each_size_has_its_cases_and_small_ones_the_goal(tmp_path):
    found = Benchmark.find("reader")(**SMALL).run(tmp_path)
    assert [(case.case.partition(" bytes")[0], case.goal, case.count) for case in found] == [
        *[("500 + 30", goal, 60) for goal in (5.0, None, None)],
        *[("3,000 + 30", None, 60)] * 3,
    ]
    assert all(min(case.ratios) > 0 for case in found) and found[0].holds is not None


def test_what_differs_is_not_timed(tmp_path, monkeypatch):
    read = ShardReader.read
    monkeypatch.setattr(
        ShardReader, "read", lambda self, index: read(self, index) | ({"txt": b"other"} if index == 7 else {})
    )
    with pytest.raises(DataError, match="sample 7 of .*500-30 is not the same"):
        Benchmark.find("reader")(**SMALL).run(tmp_path)


@pytest.mark.slow
def test_the_goal_is_met(tmp_path):
    found = Benchmark.find("reader")(sizes=((8000, 300),), samples=3000).run(tmp_path)
    assert found[0].holds, found[0].to_json()
