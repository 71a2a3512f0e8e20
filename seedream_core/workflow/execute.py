"""Runs the steps of a recipe; the only writer of step.yaml and of manifests.

For the command line:

    step(stage, out, host) -> Manifest | None           # one stage: lock, step.yaml, run, manifest
    recipe(loaded, host_file=None, start=None, only=None, redo=(), launcher=None)
        # `start` is --from; launcher None takes the host file's `launch`, else a child process for each step
        # a stale step, a failed step or an interruption raise UserError with the command that goes on
"""

import contextlib
import errno
import fcntl
import functools
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from seedream_core.errors import Interrupted, NothingMade, Stopped, UserError
from seedream_core.progress import duration
from seedream_core.workflow import artifact, durations, estimate, ranks, states
from seedream_core.workflow import stage as stages
from seedream_core.workflow.config import outside, parse
from seedream_core.workflow.document import load_yaml
from seedream_core.workflow.host import Host, leads
from seedream_core.workflow.launch import Job, Launcher
from seedream_core.workflow.recipe import PlannedStep, Recipe, Step, check_format, plan

GO_ON = "the same command goes on from there"
SETTLED = 60.0
"""Seconds after which a file that is not in its place yet was left by a kill: a recipe may be writing this step's
config.
"""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
# in a pipe, else, the children's lines would come before those that announce them
_say = functools.partial(print, flush=True)


def step(stage: stages.Stage, out: Path, host: Host, say: Callable[[str], Any] = _say) -> artifact.Manifest | None:
    """Make one artifact: go on where a partial folder stopped, refuse a stale one, leave a done one alone."""
    _check_outside(stage, out)
    _check_out(out)
    if not leads():
        # what the leading rank refuses this one refuses too: it must not wait for a rank that never comes
        if stage.distributed and _check(stage, out).name != "done":
            ranks.follow(out)
            stage.run(out, host)
        return None
    with _locked(out), stopping(lambda: f"{out} keeps what was done"), _writing(out):
        artifact.sweep(out, SETTLED)
        if _check(stage, out).name == "done":
            shutil.rmtree(out / artifact.SCRATCH, ignore_errors=True)
            say(f"{out} is done; nothing to do")
            return artifact.read(out)
        facts = _planned(stage)
        sources = states.sources(stage, out)
        if not states.made(out):  # the fates of an earlier run that made nothing
            (out / "fates.jsonl").unlink(missing_ok=True)
        states.write_config(stage, out, sources)
        ranks.lead(out)
        try:
            with durations.session(out):
                metrics = dict(stage.run(out, host) or {})
        except NothingMade:
            states.remove_products(out)
            raise
        artifact.sweep(out, SETTLED)
        facts, took = {**facts, **metrics.pop("facts", {})}, durations.read(out)
        manifest = artifact.finish(
            out,
            kind=stage.product(vars(stage)),
            stage=stage.path(),
            version=stage.version,
            fingerprint=states.fingerprint(stage, sources),
            options=states.options(stage),
            inputs=sources,
            facts=facts,
            metrics=metrics,
            seconds=took.spent,
            expected_seconds=took.expected,
        )
        shutil.rmtree(out / artifact.SCRATCH, ignore_errors=True)
        return manifest


def _check(stage: stages.Stage, out: Path) -> states.State:
    """The folder's state, where the stage can run or is done; UserError where it is stale or its inputs do not fit."""
    state = states.state(stage, out)
    if state.name == "stale":
        raise UserError(f"{out} is stale: {'; '.join(state.reasons)}", "undo the change, or give another --out")
    if state.name != "done":
        _planned(stage)
        states.sources(stage, out)
    return state


def _planned(stage: stages.Stage) -> dict:
    """What the stage says of its result before it runs; UserError where its inputs do not fit."""
    try:
        return stage.facts(stages.gather(stage, lambda folder, kind: _facts(folder, kind)))
    except ValueError as error:
        raise UserError(str(error)) from error


def _check_out(out: Path) -> None:
    """Refuse an `out` that is somebody's own folder, or where nothing may be written."""
    if states.foreign(out):
        raise UserError(f"{out} holds files that no step made", "give an --out that is empty or new")
    there = next(place for place in (out, *out.absolute().parents) if os.path.lexists(place))
    if there.is_dir() and not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"--out {out}: no permission to write in {there}", "give an --out in a folder of your own")


def _check_outside(stage: stages.Stage, out: Path) -> None:
    """Refuse an `out` in a folder that the stage reads as it is found, or around it: the step would change what it is
    made from.
    """
    kinds = stages.inputs(type(stage))
    given = [
        (name, folder)
        for name, parts in stages.folders(stage).items()
        if kinds[name].kind.name == "folder"
        for folder in parts.values()
    ]
    for name, folder in (*given, *outside(stage).items()):
        # realpath, unlike resolve, also gives an answer for a link that leads back to itself
        inner, outer = Path(os.path.realpath(out)), Path(os.path.realpath(folder))
        if folder.is_dir() and inner.is_relative_to(outer):
            raise UserError(
                f"--out {out} lies in {folder} ({name}): the step would change what it reads",
                f"give an --out outside of {folder}",
            )
        if outer.is_relative_to(inner):
            raise UserError(
                f"{name}: {folder} lies in --out {out}: the step would change what it reads", "give an --out of its own"
            )


def recipe(
    loaded: Recipe,
    *,
    host_file: Path | None = None,
    start: str | None = None,
    only: str | None = None,
    redo: Sequence[str] = (),
    launcher: Launcher | None = None,
    say: Callable[[str], Any] = _say,
) -> list[str]:
    """Bring the steps of a recipe to done, and give the names of those that were started."""
    host = read_host(host_file)
    launcher = launcher or host.launch or _process()
    chosen = _chosen(loaded, start, only)
    again = [loaded.step(name) for name in redo]
    _refuse(loaded, chosen, {item.name for item in again})
    for item in again:
        set_aside(item.folder, say)
    expected = _expected(loaded, chosen, host, say) if launcher.waits else None
    if expected:
        say(expected.sentence())
    started = time.monotonic()
    submitted: dict[str, str | None] = {}
    for item in chosen:
        waiting = {} if launcher.waits else {name: loaded.step(name).folder for name in item.needs if name in submitted}
        state = states.state(item.stage, item.folder, set(waiting.values()))
        if state.name == "done" and not waiting:
            continue
        if state.name == "stale":
            raise _stale(loaded, [PlannedStep(item, state.name, state.reasons)])
        states.write_config(item.stage, item.folder)
        if expected and item.name in expected.steps:
            durations.expect(item.folder, expected.steps[item.name])
        say(f"{item.name} ({loaded.steps.index(item) + 1} of {len(loaded.steps)}): {item.path} -> {item.folder}")
        after = tuple(submitted[name] for name in waiting)
        submitted[item.name] = launcher.start(
            Job(item.name, item.stage, item.folder, command(item, host_file), host, say, after)
        )
    if expected:
        say(f"took {duration(time.monotonic() - started)}; {duration(expected.left)} were expected")
    if not submitted:
        say(
            f"nothing to do: {'all ' if len(chosen) == len(loaded.steps) else ''}{len(chosen)} steps of "
            f"{loaded.name} are done"
        )
    return list(submitted)


def command(item: Step, host_file: Path | None) -> tuple[str, ...]:
    """The step as a subcommand."""
    place = ("--host", str(host_file)) if host_file else ()
    return (
        sys.executable,
        "-m",
        "seedream_cli",
        *item.path.split("/"),
        "--config",
        str(item.folder / artifact.CONFIG),
        "--out",
        str(item.folder),
        *place,
    )


def read_host(file: Path | None) -> Host:
    """The host in a file, or this machine."""
    if file is None:
        return Host()
    document = load_yaml(file)
    return parse(Host, document.tree, document=document)


def set_aside(folder: Path, say: Callable[[str], Any] = _say) -> None:
    """Move a step's folder out of the way; nothing is deleted."""
    if not folder.is_dir():
        return
    number = 1
    while (aside := folder.with_name(f"{folder.name}.old-{number}")).exists():
        number += 1
    with _locked(folder):
        folder.rename(aside)
    say(f"{folder} is kept as {aside}")


@contextlib.contextmanager
def stopping(kept: Callable[[], str], go_on: str = GO_ON) -> Iterator[None]:
    """Ctrl-C, and the signals by which a scheduler announces an end, in one message that says what is kept; a training
    takes them over.
    """

    def stop(number: int, frame: Any) -> None:
        raise Stopped(f"stopped by {signal.Signals(number).name}; {kept()}", go_on)

    mine = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGUSR1) if mine}
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(f"stopped; {kept()}", go_on) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _writing(out: Path) -> Iterator[None]:
    """A full disk, or a place that may not be written, in one message."""
    try:
        yield
    except OSError as error:
        place = Path(error.filename) if isinstance(error.filename, str) else out
        if error.errno not in (*_FULL, *_FORBIDDEN) or not place.absolute().is_relative_to(out.absolute()):
            raise
        fix = f"make room; {GO_ON}" if error.errno in _FULL else "allow writing there, or give another --out"
        raise UserError(f"{place}: cannot be written ({error.strerror}); {out} keeps what was done", fix) from error


def _expected(loaded: Recipe, chosen: list[Step], host: Host, say: Callable[[str], Any]) -> estimate.Estimate | None:
    left = [item.step for item in plan(loaded) if item.step in chosen and (item.state != "done" or item.waits)]
    try:
        return estimate.estimate(left, host)
    except Exception as error:  # a run never fails for want of an estimate
        say(f"no estimate of what this will take: {type(error).__name__}: {error}")
        return None


def _process() -> Launcher:
    from seedream_core.workflow.launch.process import Process

    return Process()


def _chosen(loaded: Recipe, start: str | None, only: str | None) -> list[Step]:
    if only is not None and start is not None:
        raise UserError("--from and --only choose steps in two ways", "give one of them")
    if only is not None:
        return [loaded.step(only)]
    if start is not None:
        return list(loaded.steps[loaded.steps.index(loaded.step(start)) :])
    return list(loaded.steps)


def _refuse(loaded: Recipe, chosen: list[Step], again: set[str]) -> None:
    """Stop before anything runs where a step is stale, or takes one that is neither done nor chosen."""
    names = {item.name for item in chosen}
    for item in chosen:
        _check_outside(item.stage, item.folder)
    if again - names:
        raise UserError(
            f"--redo {', '.join(sorted(again - names))}: not among the steps chosen by --from or --only",
            "leave one of the two out",
        )
    planned = {item.step.name: item for item in plan(loaded)}
    stale = [planned[item.name] for item in chosen if planned[item.name].state == "stale" and item.name not in again]
    if stale:
        raise _stale(loaded, stale)
    for item in chosen:
        for need in item.needs:
            if need not in names and (planned[need].state != "done" or need in again):
                raise UserError(
                    f"step {item.name} takes {need}, which is {planned[need].state}",
                    f"run {need} first (--only {need})",
                )


def _stale(loaded: Recipe, stale: list[PlannedStep]) -> UserError:
    # what was made from a stale step will be stale too: one command that names them all
    names = {item.step.name for item in stale}
    for item in loaded.steps:
        if names & set(item.needs) and (item.folder / artifact.CONFIG).is_file():
            names.add(item.name)
    redo = " ".join(f"--redo {item.name}" for item in loaded.steps if item.name in names)
    lines = [f"step {item.step.name} is stale: {'; '.join(item.reasons)}" for item in stale]
    return UserError(
        "\n".join(lines), f"undo the change, or make it again with {redo} (what was made is kept as .old-1)"
    )


def _facts(folder: Path, kind: stages.Kind) -> dict:
    return {} if kind.name == "folder" else check_format(artifact.read(folder, kind.name).facts, kind, folder)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder: two processes that write one artifact would ruin it.

    Where nothing is made in it, the lock and the folders that were created for it are taken away again.
    """
    created = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = open(folder / artifact.LOCK, "a+")
    except (FileExistsError, NotADirectoryError):
        raise UserError(f"--out {folder}: there is a file of that name", "name a folder") from None
    except OSError as error:
        raise UserError(
            f"--out {folder}: cannot be written ({error.strerror or error})", "give an --out in a folder of your own"
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            held = UserError(
                f"{folder} is being written by process {file.readline().strip() or '?'}", "wait for it, or stop it"
            )
            ranks.refuse(folder, held)
            raise held from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            # a folder may have been set aside; one of the new ones may hold something of somebody else's meanwhile
            with contextlib.suppress(OSError):
                if [path.name for path in folder.iterdir()] == [artifact.LOCK]:
                    (folder / artifact.LOCK).unlink()
                    for place in created:
                        place.rmdir()
