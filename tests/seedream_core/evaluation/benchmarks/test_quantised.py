"""The benchmark of W4A8 draws the same pictures on both sides, and times bf16 only where the CPU has it."""

import pytest

from seedream_core import processor
from seedream_core.errors import DataError, UserError
from seedream_core.evaluation.benchmarks import Benchmark
from seedream_core.evaluation.benchmarks.quantised import FASTER, SLOWEST

SMALL = {"prompts": ("a red circle on a white background",), "batches": 2, "rounds": 4}


def test_float32_is_on_the_other_side_and_bf16_where_the_cpu_has_it(tmp_path):
    found = Benchmark.find("quantised")(**SMALL).run(tmp_path)
    others = ["float32", "bf16"] if processor.has_bf16() else ["float32"]
    assert [case.case for case in found] == [
        f"{what}, W4A8 against {other}" for other in others for what in ("one picture", "batch of 2")
    ]
    goals = {"float32": SLOWEST, "bf16": FASTER if processor.fast_int8() else None}
    assert [case.goal for case in found] == [goals[other] for other in others for _ in range(2)]
    assert [case.count for case in found[:2]] == [1, 2] and all(min(case.ratios) > 0 for case in found)


def test_pictures_that_differ_are_not_timed(tmp_path):
    with pytest.raises(
        DataError, match="'a red circle on a white background': the pictures in W4A8 and in float32 differ"
    ):
        Benchmark.find("quantised")(**SMALL, near=1e-6).run(tmp_path)


def test_a_float_model_is_refused(tmp_path, tiny_generator):
    with pytest.raises(UserError, match="is in f32, not in w4a8"):
        Benchmark.find("quantised")(**SMALL, model=tiny_generator).run(tmp_path)
