"""Ranks that start at once end together: none waits for a leading one that refuses, as real processes show."""

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seedream_core.errors import UserError
from seedream_core.workflow import execute, ranks, recipe
from seedream_core.workflow.host import Host
from seedream_core.workflow.launch.inline import Inline

TOYS = Path(__file__).parents[2] / "toys"
SLURM = {"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0"}, "SLURM_PROCID"
TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}, "RANK"
BASE = """\
run: pretrain/base
data: [./crawl]
paint: red
train: {steps: 4}
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A finished crawl, and the config of a training on it."""
    monkeypatch.chdir(tmp_path)
    Path("toy.yaml").write_text("steps:\n  crawl: {run: data/crawl}\n")
    execute.recipe(recipe.load("toy.yaml", root="toy_stages"), launcher=Inline(), say=str)
    os.rename("runs/toy/crawl", "crawl")
    Path("base.yaml").write_text(BASE)


def both(launcher, delay=0.0) -> list[tuple[int, str]]:
    """Exit code and error of the two ranks that the launcher starts; rank 0 comes `delay` seconds later."""
    shared, name = launcher
    children = []
    for rank in (1, 0):
        path = os.pathsep.join([str(Path(execute.__file__).parents[2]), str(TOYS)])
        environ = os.environ | shared | {name: str(rank), "LOCAL_RANK": str(rank), "PYTHONPATH": path}
        command = [sys.executable, str(TOYS / "toy_child.py"), "pretrain", "base", "--config", "base.yaml", "--out"]
        children.append(subprocess.Popen([*command, "out"], env=environ, stderr=subprocess.PIPE, text=True))
        time.sleep(delay if rank else 0)
    return [(child.wait(timeout=60), child.stderr.read()) for child in reversed(children)]


@pytest.mark.parametrize("launcher", [SLURM, TORCHRUN], ids=["slurm", "torchrun"])
@pytest.mark.parametrize("delay", [0.0, 2.0])
def test_ranks_begin_together_and_refuse_a_folder_that_is_held_together(toy, launcher, delay):
    assert both(launcher, delay) == [(0, ""), (0, "")] and Path("out/artifact.json").is_file()
    os.remove("out/artifact.json")
    with open("out/.lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        Path("out/.lock").write_text("7\n")
        (first, said), (second, echoed) = both(launcher, delay)
    assert first == second == 1 and said == echoed and "is being written by process 7" in said
    # the next start has another name, and its leading rank takes the refusal away
    again = launcher[0] | {"SLURM_RESTART_COUNT": "1", "TORCHELASTIC_RESTART_COUNT": "1"}, launcher[1]
    assert both(again) == [(0, ""), (0, "")] and not Path("out/.refused.json").exists()


@pytest.mark.parametrize("launcher", [SLURM, TORCHRUN], ids=["slurm", "torchrun"])
def test_ranks_refuse_a_stale_folder_a_strange_one_and_a_foreign_input_together(toy, launcher):
    def refused(reason: str) -> None:
        ended = both(launcher)
        assert [code for code, _ in ended] == [1, 1] and all(reason in said for _, said in ended)

    both(launcher)
    Path("base.yaml").write_text(BASE.replace("4", "5"))
    refused("out is stale: train.steps")
    os.rename("out", "old")
    Path("out").mkdir()
    Path("out/thesis.txt").write_text("mine")
    refused("holds files that no step made")
    os.remove("out/thesis.txt")
    Path("base.yaml").write_text(BASE.replace("./crawl", "./nobody"))
    refused("nobody: no such folder")
    assert list(Path("out").iterdir()) == []


def test_a_leading_rank_that_never_comes_is_not_waited_for_without_end(toy, monkeypatch):
    monkeypatch.setattr(ranks, "MAX_WAIT_SECONDS", 0.3)
    for name, value in {**SLURM[0], "SLURM_PROCID": "1"}.items():
        monkeypatch.setenv(name, value)
    stage = recipe.load_step("pretrain/base", Path("base.yaml"), root="toy_stages")
    with pytest.raises(UserError, match="out: rank 0 has not begun within 0.3 s"):
        execute.step(stage, Path("out"), Host())
    assert not Path("out").exists()


def test_each_start_has_a_name_of_its_own_and_one_process_alone_has_none(monkeypatch):
    for name in (*ranks._SLURM, *ranks._TORCHRUN, "RANK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MASTER_PORT", "29500")  # Lightning's own, for the ranks that it starts itself
    assert ranks.launch() == ""
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    first = ranks.launch()
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert first and ranks.launch() != first
    again = ranks.launch()
    monkeypatch.setenv("GROUP_WORLD_SIZE", "1")
    assert ranks.launch() == f"{again}.{os.getppid()}"
