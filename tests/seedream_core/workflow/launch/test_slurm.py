"""A recipe becomes readable sbatch scripts, each waiting for the jobs of its inputs."""

import shlex
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from seedream_core.errors import UserError
from seedream_core.workflow import execute, recipe
from seedream_core.workflow.host import Host
from seedream_core.workflow.launch import Job
from seedream_core.workflow.launch.slurm import Slurm

TEXT = """\
steps:
  crawl: {run: data/crawl}
  vae: {run: pretrain/vae, data: crawl, train: {steps: 4}}
  base: {run: pretrain/base, data: [crawl], vae: vae, paint: red, train: {steps: 4}}
"""
TRAINING, ALONE = SimpleNamespace(distributed=True), SimpleNamespace(distributed=False)
SRUN = ('srun() { shift 2; "$@"; }', "SLURM_JOB_ID=7")
"""A cluster of one: what comes after the two options of srun is run here."""
SBATCH = """#!/bin/sh
echo "$@" >> calls
echo "$(wc -l < calls | tr -d ' ');cluster"
"""


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    place = tmp_path / "a place"
    place.mkdir()
    monkeypatch.chdir(place)
    Path("toy.yaml").write_text(TEXT)
    return recipe.load("toy.yaml", root="toy_stages")


def fake_sbatch(monkeypatch, text=SBATCH):
    Path("bin").mkdir()
    Path("bin/sbatch").write_text(text)
    Path("bin/sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{Path('bin').absolute()}:/usr/bin:/bin")


def test_jobs_are_chained_by_the_ids_of_their_inputs(loaded, monkeypatch):
    fake_sbatch(monkeypatch)
    said = []
    assert execute.recipe(loaded, launcher=Slurm(partition="gpu"), say=said.append) == ["crawl", "vae", "base"]
    assert Path("calls").read_text().splitlines() == [
        "--parsable runs/toy/crawl/logs/crawl.sbatch",
        "--parsable --dependency=afterok:1 runs/toy/vae/logs/vae.sbatch",
        "--parsable --dependency=afterok:1:2 runs/toy/base/logs/base.sbatch",
    ]
    assert said[-1] == "base: job 3"
    # nothing has begun yet
    assert [item.state for item in recipe.plan(loaded)] == ["new"] * 3


def test_a_script_is_shell_that_survives_any_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "it's; rm -rf $HOME"
    (folder / "logs").mkdir(parents=True)
    host = Host(devices=8, nodes=2)
    job = Job("base", TRAINING, folder, ("printf", "%s|", "a b", "$HOME", "'"), host, print)
    script = Slurm(account="me", time="01:00:00", lines=SRUN).script(job)
    head = [line.removeprefix("#SBATCH --") for line in script.splitlines() if line.startswith("#SBATCH")]
    assert {
        "job-name=seedream-base",
        "account=me",
        "time=01:00:00",
        "nodes=2",
        "ntasks-per-node=8",
        "gpus-per-node=8",
        "requeue",
    } <= set(head)
    assert (
        shlex.split(next(line for line in head if line.startswith("output=")))[0]
        == f"output={folder}/logs/slurm-%j.out"
    )
    assert subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout == "a b|$HOME|'|"


@pytest.mark.parametrize(("code", "requeued"), [(75, True), (1, False), (0, False)])
def test_a_job_that_was_stopped_in_time_is_requeued_and_one_that_failed_is_not(tmp_path, code, requeued):
    (tmp_path / "logs").mkdir()
    job = Job("base", ALONE, tmp_path, ("bash", "-c", f"exit {code}"), Host(), print)
    script = Slurm(lines=(*SRUN, "scontrol() { echo $@; }")).script(job)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (code, "requeue 7\n" if requeued else "")
    assert not list((tmp_path / "logs").iterdir())


def test_a_rank_that_fails_ends_the_others_and_one_that_was_stopped_does_not(tmp_path):
    """`srun --kill-on-bad-exit=1` ends all ranks where one exits with another code than 0."""
    (tmp_path / "logs").mkdir()
    for code, seen in ((75, "0"), (3, "3")):
        job = Job("base", TRAINING, tmp_path, ("bash", "-c", f"exit {code}"), Host(), print)
        lines = ('srun() { echo "$1"; shift 2; local code=0; "$@" || code=$?; echo $code; }', "SLURM_JOB_ID=7")
        script = Slurm(lines=(*lines, "scontrol() { :; }")).script(job)
        said = subprocess.run(["bash", "-c", script], capture_output=True, text=True).stdout
        assert said.split() == ["--kill-on-bad-exit=1", seen]


@pytest.mark.parametrize(
    ("cpus", "host", "cores"),
    [(None, {}, 8), (None, {"threads": 4, "workers": 2}, 6), (None, {"workers": 4}, 12), (5, {"threads": 4}, 5)],
)
def test_cores_of_a_process_follow_its_threads_and_workers(cpus, host, cores):
    script = Slurm(cpus=cpus).script(Job("x", TRAINING, Path("x"), ("true",), Host(**host), print))
    assert f"#SBATCH --cpus-per-task={cores}" in script.splitlines()
    assert f"\nsrun --kill-on-bad-exit=1 --cpus-per-task={cores} " in script


def test_print_only_says_lines_that_can_be_pasted(loaded, monkeypatch):
    said = []
    execute.recipe(loaded, launcher=Slurm(submit=False), say=said.append)
    lines = [line for line in said if "sbatch" in line]
    assert lines[2] == "base=$(sbatch --parsable --dependency=afterok:$crawl:$vae runs/toy/base/logs/base.sbatch)"
    fake_sbatch(monkeypatch, SBATCH.replace(";cluster", ""))
    subprocess.run(["bash", "-euc", "\n".join(lines)], check=True)
    assert (
        Path("calls").read_text().splitlines()[2]
        == "--parsable --dependency=afterok:1:2 runs/toy/base/logs/base.sbatch"
    )


def test_a_cpu_host_asks_for_no_gpus():
    assert "gpus" not in Slurm().script(Job("x", TRAINING, Path("x"), ("true",), Host(accelerator="cpu"), print))


def test_a_stage_that_does_not_train_is_one_process_on_any_host():
    script = Slurm().script(Job("x", ALONE, Path("x"), ("true",), Host(devices=8, nodes=4), print))
    assert {"#SBATCH --nodes=1", "#SBATCH --ntasks-per-node=1", "#SBATCH --gpus-per-node=1"} <= set(script.splitlines())


def test_no_slurm_and_a_refusing_slurm_are_told_plainly(loaded, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match="sbatch: no such command"):
        execute.recipe(loaded, launcher=Slurm(), say=str)
    fake_sbatch(monkeypatch, "#!/bin/sh\necho no such partition >&2\nexit 1\n")
    with pytest.raises(UserError, match="failed: no such partition"):
        execute.recipe(loaded, launcher=Slurm(partition="x"), say=str)
