"""What a run is expected to take: measured in another process, said before the first step, kept in the manifests."""

from dataclasses import replace
from pathlib import Path

import pytest

from seedream_core.workflow import artifact, durations, estimate, execute, recipe
from seedream_core.workflow.host import Host
from seedream_core.workflow.launch.inline import Inline

TEXT = """\
steps:
  long: {run: eval/timed, flops: 6e+12, expects: 600}
  short: {run: eval/timed, flops: 2e+12, expects: 200}
  unclear: {run: eval/timed, flops: 4e+12, expects: null}
"""


@pytest.fixture
def steps(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("toy.yaml").write_text(TEXT)
    return recipe.load("toy.yaml", root="toy_stages").steps


def test_seconds_and_flops_of_the_measured_steps_are_added_up(steps):
    found = estimate.estimate(steps, Host(accelerator="cpu"))
    assert found.steps == {"long": 600, "short": 200} and found.unknown == ("unclear",)
    assert found.left == 800 and found.flops == 8e12
    assert found.sentence() == (
        "about 13 min 20 s: 8 TFLOP at 10 GFLOP/s measured here "
        "(longest: long 10 min 00 s, short 3 min 20 s; not counted: unclear)"
    )


def test_what_earlier_sessions_took_is_not_left(steps):
    with durations.session(steps[0].folder):
        pass
    durations._write(steps[0].folder, durations.Durations(600, 450.0))
    assert estimate.estimate(steps, Host(accelerator="cpu")).left == 150 + 200


def test_little_work_is_not_measured(steps):
    little = replace(steps[0], facts={"flops": estimate.LITTLE / 2})
    assert estimate.estimate([little], Host(accelerator="cpu")) is None


def test_processes_share_the_work_where_each_has_its_own_cores(steps, monkeypatch):
    monkeypatch.setattr(estimate.os, "cpu_count", lambda: 8)
    stage = steps[0].stage
    assert estimate.sharers(stage, Host(accelerator="cpu", devices=4)) == 1
    assert estimate.sharers(stage, Host(accelerator="cpu", devices=4, threads=2)) == 4
    assert estimate.sharers(stage, Host(accelerator="cpu", devices=4, threads=4)) == 2
    assert estimate.sharers(stage, Host(accelerator="cpu", nodes=3)) == 3


def test_a_run_says_its_estimate_first_and_manifests_keep_it(steps):
    said = []
    execute.recipe(recipe.load("toy.yaml", root="toy_stages"), launcher=Inline(), say=said.append)
    assert said[0].startswith("about 13 min 20 s: 8 TFLOP") and said[1].startswith("long (1 of 3)")
    assert [artifact.read(step.folder).expected_seconds for step in steps] == [600, 200, None]
    assert said[-1] == "took 0 s; 13 min 20 s were expected"


def test_a_run_without_an_estimate_says_so_and_runs(steps):
    said, broken = [], recipe.load("toy.yaml", sets=("long.breaks=true",), root="toy_stages")
    assert execute.recipe(broken, launcher=Inline(), say=said.append) == ["long", "short", "unclear"]
    assert said[0] == "no estimate of what this will take: MemoryError: too large"
