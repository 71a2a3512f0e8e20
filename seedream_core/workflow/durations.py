"""Seconds that a step is expected to take and has taken, over all its sessions, in logs/durations.json."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from seedream_core.errors import DataError
from seedream_core.workflow.artifact import write_atomic

FILE = "logs/durations.json"


@dataclass(frozen=True)
class Durations:
    """`began` is the clock's time at the start of a session that has not ended, or was killed before its end."""

    expected: float | None = None
    spent: float = 0.0
    began: float | None = None


def read(folder: Path) -> Durations:
    """The durations of the step in that folder; zero where none were written."""
    path = folder / FILE
    if not path.is_file():
        return Durations()
    try:
        return Durations(**json.loads(path.read_bytes()))
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: damaged ({error})", "delete it; only the record of its duration is lost") from None


def expect(folder: Path, seconds: float) -> None:
    """Write down how many seconds the step is expected to take in all."""
    _write(folder, replace(read(folder), expected=round(seconds, 1)))


@contextmanager
def session(folder: Path) -> Iterator[None]:
    """Add the seconds of the block to those spent, whatever ends it.

    A session that was killed could not write its end: it ended when a file of the folder was last written.
    """
    before = read(folder)
    spent = before.spent + (max(_last_written(folder) - before.began, 0.0) if before.began else 0.0)
    _write(folder, replace(before, spent=spent, began=time.time()))
    started = time.monotonic()
    try:
        yield
    finally:
        _write(folder, Durations(before.expected, round(spent + time.monotonic() - started, 3)))


def _write(folder: Path, found: Durations) -> None:
    write_atomic(folder / FILE, json.dumps(asdict(found)))


def _last_written(folder: Path) -> float:
    return max((path.stat().st_mtime for path in folder.rglob("*") if path.is_file()), default=0.0)
