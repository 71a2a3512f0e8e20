"""Each benchmark leaves one JSON result that names the machine, and nothing else."""

import json

from seedream_core import processor
from seedream_core.evaluation.benchmarks import Benchmark
from seedream_core.stages.eval.speed import SpeedStage
from seedream_core.workflow.config import dump, parse
from seedream_core.workflow.execute import step
from seedream_core.workflow.host import Host


def test_results_are_left_and_corpora_are_not(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    one = SpeedStage(benchmarks=(Benchmark.find("reader")(sizes=((500, 30),), samples=60, rounds=4, goal=0.01),))
    assert parse(SpeedStage, dump(one)) == one
    manifest = step(one, tmp_path / "out", Host())
    told = json.loads((tmp_path / "out" / "reader.json").read_text())
    assert told["machine"]["float32 products"].endswith(" GFLOP/s")
    assert ("bf16 products" in told["machine"]) == processor.has_bf16()
    assert told["machine"]["OMP_NUM_THREADS"] == "3" and len(told["cases"]) == 3 and told["cases"][0]["ratio"] > 0
    assert (
        manifest.metrics["reader"]["holds"] is True
        and list(manifest.files) == ["reader.json"]
        and manifest.kind == "timings"
    )
    assert not list((tmp_path / "out").glob(".speed*"))
    said = capsys.readouterr().err
    assert "OMP_NUM_THREADS: 3" in said and "500 + 30 bytes:" in said and "goal 0.01: holds" in said


def test_all_there_are_by_default():
    assert [one.name() for one in SpeedStage().benchmarks] == list(Benchmark.names())
