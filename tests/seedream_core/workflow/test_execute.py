"""Steps go on where they stopped, are made once, and are never overwritten by another config."""

import errno
import fcntl
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seedream_core.errors import STOPPED, ConfigError, Interrupted, StepFailed, Stopped, UserError
from seedream_core.workflow import artifact, execute, recipe
from seedream_core.workflow.host import Host
from seedream_core.workflow.launch.inline import Inline
from seedream_core.workflow.launch.process import Process

TEXT = """\
steps:
  crawl: {run: data/crawl}
  vae: {run: pretrain/vae, data: crawl, train: {steps: 4}}
  base: {run: pretrain/base, data: [crawl], vae: vae, paint: red, train: {steps: 4}}
  packed: {run: quantize/pack, model: base}
"""


class Toy:
    """A recipe in an empty folder, run in this process, and what it said."""

    def __init__(self):
        Path("toy.yaml").write_text(TEXT)
        self.said = []

    def load(self, *sets):
        return recipe.load("toy.yaml", sets=sets, root="toy_stages")

    def run(self, *sets, **options):
        self.said.clear()
        return execute.recipe(self.load(*sets), **({"launcher": Inline(), "say": self.said.append} | options))

    def states(self, *sets):
        return [item.state for item in recipe.plan(self.load(*sets))]


@pytest.fixture
def toy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Toy()


def test_a_finished_recipe_does_nothing_and_says_so(toy):
    assert toy.run() == ["crawl", "vae", "base", "packed"]
    times = {path: path.stat().st_mtime_ns for path in Path("runs").rglob("*.*")}
    assert toy.run() == [] and toy.said == ["nothing to do: all 4 steps of toy are done"]
    assert {path: path.stat().st_mtime_ns for path in Path("runs").rglob("*.*")} == times


def test_the_manifest_has_corrected_facts_and_clean_metrics(toy):
    toy.run()
    assert artifact.read("runs/toy/crawl").facts == {"samples": 2} and artifact.read("runs/toy/crawl").metrics == {
        "written": 3
    }
    assert artifact.read("runs/toy/base").metrics == {"sessions": 1, "worst": None}


def test_an_edited_option_is_refused_by_step_and_key_before_anything_runs(toy):
    toy.run()
    with pytest.raises(UserError, match="step base is stale: train.lr: 0.001 -> 0.0002") as caught:
        toy.run("base.train.lr=2e-4")
    assert "--redo base --redo packed" in str(caught.value)
    artifact.read("runs/toy/base", "generator")


def test_cadence_is_not_an_edit(toy):
    toy.run()
    assert toy.run("base.train.checkpoint_every=1", "base.train.log_every=1") == []


def test_redo_moves_the_folder_aside_and_keeps_it(toy):
    toy.run()
    assert toy.run("base.train.lr=2e-4", redo=["base", "packed"]) == ["base", "packed"]
    assert toy.said[0] == "runs/toy/base is kept as runs/toy/base.old-1"
    assert artifact.verify("runs/toy/base.old-1") == []
    toy.run("base.train.lr=3e-4", redo=["base", "packed"])
    assert Path("runs/toy/base.old-2").is_dir() and toy.run("base.train.lr=3e-4") == []


def test_a_redone_input_with_the_same_contents_leaves_what_follows_done(toy):
    toy.run()
    assert toy.run(redo=["crawl"]) == ["crawl"]
    assert toy.states() == ["done"] * 4


def test_a_redone_input_with_other_contents_stops_before_what_follows(toy):
    toy.run()
    with pytest.raises(UserError, match="step vae is stale: input data.*(\n.*)*--redo vae --redo base --redo packed"):
        toy.run("crawl.samples=9", redo=["crawl"])
    assert toy.states("crawl.samples=9")[:2] == ["done", "stale"]


def test_a_failed_step_names_the_line_that_reruns_it_and_goes_on_from_its_checkpoint(toy):
    with pytest.raises(StepFailed, match="step base failed: out of paint") as caught:
        toy.run("base.end=error")
    words = shlex.split(str(caught.value).splitlines()[-1])
    assert words == [
        sys.executable,
        "-m",
        "seedream_cli",
        "pretrain",
        "base",
        "--config",
        "runs/toy/base/step.yaml",
        "--out",
        "runs/toy/base",
    ]
    assert toy.states() == ["done", "done", "partial", "new"]
    assert toy.run() == ["base", "packed"]
    assert artifact.read("runs/toy/base").metrics["sessions"] == 2


def test_an_edit_of_a_partial_step_is_refused_too(toy):
    with pytest.raises(StepFailed):
        toy.run("base.end=error")
    with pytest.raises(UserError, match="step base is stale: paint.coats"):
        toy.run("base.paint.coats=2")


def test_a_step_that_came_to_nothing_may_begin_anew_in_its_folder(toy):
    with pytest.raises(StepFailed, match="nothing came of it"):
        toy.run("base.end=nothing")
    for name in (
        "fates.jsonl",
        ".fates.jsonl.0123abcd.tmp",
        "logs/.old.json.0123abcd.tmp",
        "logs/.new.json.0123abcd.tmp",
    ):
        Path("runs/toy/base", name).parent.mkdir(exist_ok=True)
        Path("runs/toy/base", name).write_text("{}")
        os.utime(Path("runs/toy/base", name), (0, time.time() if "new" in name else 0))
    assert toy.run("base.paint.coats=2") == ["base", "packed"]
    assert artifact.read("runs/toy/base").metrics["sessions"] == 1
    left = {path.name for path in Path("runs/toy/base").rglob("*")}
    assert "fates.jsonl" not in left and [name for name in left if name.endswith(".tmp")] == [".new.json.0123abcd.tmp"]


def test_an_interruption_says_how_to_go_on(toy):
    with pytest.raises(Interrupted, match="stopped in step base\n.*the same command goes on") as caught:
        toy.run("base.end=interrupt")
    assert caught.value.exit_code == 130
    assert toy.run() == ["base", "packed"]


def test_from_and_only_choose_steps_whose_inputs_are_done(toy):
    with pytest.raises(UserError, match="step base takes crawl, which is new"):
        toy.run(only="base")
    with pytest.raises(UserError, match="step vae takes crawl, which is new"):
        toy.run(start="vae")
    assert toy.run(only="crawl") == ["crawl"] and toy.run(only="vae") == ["vae"]
    assert toy.run(only="vae") == [] and toy.said == ["nothing to do: 1 steps of toy are done"]
    assert toy.run(start="base") == ["base", "packed"]
    with pytest.raises(UserError, match="choose steps in two ways"):
        toy.run(start="vae", only="base")
    with pytest.raises(UserError, match="--redo crawl: not among the steps chosen"):
        toy.run(only="vae", redo=["crawl"])
    assert toy.states() == ["done"] * 4
    for options in ({"only": "bse"}, {"start": "bse"}, {"redo": ["bse"]}):
        with pytest.raises(ConfigError, match="no step 'bse'; did you mean 'base'?"):
            toy.run(**options)


def test_a_folder_that_is_being_written_is_left_alone(toy):
    toy.run()
    with open("runs/toy/base/.lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UserError, match=r"runs/toy/base is being written by process \d+"):
            toy.run(redo=["base"])
        with pytest.raises(UserError, match="is being written"):
            execute.step(toy.load().step("base").stage, Path("runs/toy/base"), Host())
    assert toy.states() == ["done"] * 4


def test_one_step_by_hand_is_as_careful(toy):
    toy.run()
    stage, folder, said = toy.load().step("vae").stage, Path("runs/toy/vae"), []
    assert execute.step(stage, folder, Host(), said.append) == artifact.read(folder) and said == [
        "runs/toy/vae is done; nothing to do"
    ]
    other = toy.load("vae.train.lr=1").step("vae").stage
    with pytest.raises(UserError, match="runs/toy/vae is stale: train.lr"):
        execute.step(other, folder, Host())
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("")
    with pytest.raises(UserError, match="holds files that no step made"):
        execute.step(other, Path("mine"), Host())
    assert [path.name for path in Path("mine").iterdir()] == ["thesis.txt"]
    too_many = toy.load().step("crawl").stage.__class__(samples=2000)
    execute.step(too_many, Path("many"), Host())
    with pytest.raises(UserError, match="1999 samples are too many"):
        execute.step(toy.load("vae.data=./many").step("vae").stage, Path("vae2"), Host())


def test_a_refused_step_leaves_nothing_behind_that_it_made(toy):
    too_many = toy.load().step("crawl").stage.__class__(samples=2000)
    execute.step(too_many, Path("runs/toy/crawl"), Host())
    stage = toy.load("vae.data=./runs/toy/crawl").step("vae").stage
    Path("kept").mkdir()
    for out in ("new/deep", "kept"):
        with pytest.raises(UserError, match="1999 samples are too many"):
            execute.step(stage, Path(out), Host())
    assert not Path("new").exists() and list(Path("kept").iterdir()) == []


def test_an_out_where_nothing_may_be_written_is_refused_by_every_rank(toy, monkeypatch):
    stage = toy.load().step("crawl").stage
    real = os.access
    monkeypatch.setattr(os, "access", lambda place, mode: Path(place) != Path.cwd() and real(place, mode))
    for rank in "01":
        monkeypatch.setenv("LOCAL_RANK", rank)
        with pytest.raises(UserError, match="--out new/deep: no permission to write in .*\n.*folder of your own"):
            execute.step(stage, Path("new/deep"), Host())
    assert not Path("new").exists()


def test_an_out_that_cannot_be_written_is_refused_in_one_message(toy, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(UserError, match=r"--out new: cannot be written \(No space left on device\)"):
        execute.step(toy.load().step("crawl").stage, Path("new"), Host())


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.ENOSPC, "out: cannot be written .No space left on device.; out keeps.*\n.*make room; the same command"),
        (errno.EFBIG, "out: cannot be written .File too large."),
        (errno.EACCES, "out: cannot be written .Permission denied.*\n.*allow writing there"),
    ],
)
def test_what_cannot_be_written_is_one_message_for_any_stage(toy, monkeypatch, code, message):
    def run(*_):
        raise OSError(code, os.strerror(code))

    stage = toy.load().step("crawl").stage
    with monkeypatch.context() as patched, pytest.raises(UserError, match=message):
        patched.setattr(type(stage), "run", run)
        execute.step(stage, Path("out"), Host())
    execute.step(stage, Path("out"), Host())
    assert artifact.verify("out") == []


def test_a_fault_elsewhere_stays_a_fault(toy, monkeypatch):
    stage = toy.load().step("crawl").stage
    monkeypatch.setattr(type(stage), "run", lambda *_: os.listdir("/proc/1/none"))
    with pytest.raises(FileNotFoundError):
        execute.step(stage, Path("out"), Host())
    denied = PermissionError(errno.EACCES, "Permission denied", "/elsewhere/a.png")
    monkeypatch.setattr(type(stage), "run", lambda *_: (_ for _ in ()).throw(denied))
    with pytest.raises(PermissionError):
        execute.step(stage, Path("out"), Host())


def test_an_input_that_is_a_link_to_itself_or_a_url_is_refused_in_one_message(toy):
    Path("loop").symlink_to("loop")
    with pytest.raises(UserError, match="loop: a symbolic link that leads nowhere, or back to itself"):
        toy.load("crawl.source=./loop")
    with pytest.raises(UserError, match="a URL; files are not read over a network.*"):
        toy.load("crawl.source=https://example.org/pictures")


def test_processes_that_do_not_lead_only_train(toy, monkeypatch):
    toy.run()
    loaded = toy.load()
    monkeypatch.setenv("LOCAL_RANK", "1")
    for name in ("crawl", "base"):
        Path(name).mkdir()
    assert execute.step(loaded.step("base").stage, Path("base"), Host()) is None
    assert Path("base/network.txt").exists() and not Path("base/artifact.json").exists()
    assert execute.step(loaded.step("crawl").stage, Path("crawl"), Host()) is None and not list(Path("crawl").iterdir())
    # nor do they train what the leading one finds done: it would not come to meet them
    sessions = list(Path("runs/toy/base/checkpoints").iterdir())
    execute.step(loaded.step("base").stage, Path("runs/toy/base"), Host())
    assert list(Path("runs/toy/base/checkpoints").iterdir()) == sessions


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_ends_any_stage_with_the_code_that_a_scheduler_requeues_on(toy, monkeypatch, number):
    before = signal.getsignal(number)
    stage = toy.load().step("crawl").stage
    monkeypatch.setattr(type(stage), "run", lambda *_: signal.raise_signal(number))
    with pytest.raises(Stopped, match=f"stopped by {number.name}; out keeps") as stopped:
        execute.step(stage, Path("out"), Host())
    assert stopped.value.exit_code == STOPPED and signal.getsignal(number) == before
    assert not Path("out/artifact.json").exists()


def test_a_host_file_goes_to_the_step_and_into_its_command(toy):
    Path("host.yaml").write_text("devices: 2\nlaunch: inline\n")
    with pytest.raises(StepFailed, match="--host host.yaml"):
        toy.run("base.end=error", launcher=None, host_file=Path("host.yaml"))
    Path("host.yaml").write_text("devises: 2\n")
    with pytest.raises(ConfigError, match="host.yaml:1: devises: unknown key 'devises'; did you mean 'devices'?"):
        toy.run(host_file=Path("host.yaml"))


def test_a_step_killed_between_its_config_and_its_manifest_is_resumed(toy, monkeypatch):
    children = Path(__file__).parents[2] / "toys"
    monkeypatch.setenv("PYTHONPATH", f"{Path(execute.__file__).parents[2]}:{children}")
    real = execute.command
    monkeypatch.setattr(
        execute, "command", lambda item, host: (sys.executable, str(children / "toy_child.py"), *real(item, host)[3:])
    )
    with pytest.raises(StepFailed, match="step base was ended by SIGKILL") as caught:
        toy.run("base.end=kill", launcher=Process())
    assert toy.states() == ["done", "done", "partial", "new"]
    # the printed line, typed by hand, ends the same way: nothing but the recipe's `end` was wrong
    assert subprocess.run(str(caught.value).splitlines()[-1], shell=True).returncode in (-9, 137)
    assert toy.run(launcher=None) == ["base", "packed"]
    assert artifact.read("runs/toy/base").metrics["sessions"] == 3
