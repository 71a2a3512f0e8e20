"""Progress of long work: a Rich bar on a terminal, one plain line every few seconds elsewhere.

    with progress.track("encode", total) as p:
        for batch in batches:
            p.advance(len(batch), loss=0.31)

Everything goes to standard error, so that standard output stays a command's result.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

EVERY_SECONDS = 5.0


class Progress(Protocol):
    def advance(self, count: int = 1, **figures: float | int | str) -> None:
        """`count` more units are done; `figures` (loss=..., images_per_second=...) are shown beside the count."""


@contextmanager
def track(name: str, total: int, *, done: int = 0, stream: TextIO | None = None) -> Iterator[Progress]:
    """Follow `total` units of work named `name`, of which `done` were finished before (a resumed run)."""
    stream = stream or sys.stderr
    if _is_terminal(stream):
        with _bar(name, total, done, stream) as bar:
            yield bar
        return
    lines = PlainLines(name, total, done=done, stream=stream)
    yield lines
    lines.close()


def _is_terminal(stream: TextIO) -> bool:
    # Only rank 0 of a multi-process run may own the terminal: two live bars overwrite each other.
    return stream.isatty() and os.environ.get("TERM") != "dumb" and os.environ.get("LOCAL_RANK", "0") == "0"


class PlainLines:
    """One line every few seconds and one at the end: readable in a log file, never redrawn."""

    def __init__(
        self,
        name: str,
        total: int,
        *,
        done: int = 0,
        stream: TextIO,
        every_seconds: float = EVERY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self.total, self.done, self.first = name, total, done, done
        self.stream, self.every_seconds, self.clock = stream, every_seconds, clock
        self.figures: dict[str, float | int | str] = {}
        self.started = self.printed = clock()
        self.silent = os.environ.get("LOCAL_RANK", "0") != "0"

    def advance(self, count: int = 1, **figures: float | int | str) -> None:
        self.done += count
        self.figures.update(figures)
        now = self.clock()
        if now - self.printed >= self.every_seconds:
            self.printed = now
            self._print(now)

    def close(self) -> None:
        self._print(self.clock(), last=True)

    def _print(self, now: float, *, last: bool = False) -> None:
        if self.silent:
            return
        seconds = now - self.started
        rate = (self.done - self.first) / seconds if seconds > 0 else 0.0
        parts = [f"{self.name} {self.done}/{self.total}"]
        if self.total:
            parts[0] += f" ({100 * self.done // self.total}%)"
        if last:
            parts.append(f"{duration(seconds)} in all")
        elif rate > 0:
            parts.append(f"{duration((self.total - self.done) / rate)} left")
        parts += [f"{key} {figure(value)}" for key, value in self.figures.items()]
        print(" · ".join(parts), file=self.stream, flush=True)


@contextmanager
def _bar(name: str, total: int, done: int, stream: TextIO) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("·"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    with Bar(*columns, console=Console(file=stream)) as bar:
        yield _RichBar(bar, bar.add_task(name, total=total, completed=done, figures=""))


class _RichBar:
    def __init__(self, bar, task) -> None:
        self.bar, self.task, self.figures = bar, task, {}

    def advance(self, count: int = 1, **figures: float | int | str) -> None:
        self.figures.update(figures)
        text = " · ".join(f"{key} {figure(value)}" for key, value in self.figures.items())
        self.bar.update(self.task, advance=count, figures=text)


def figure(value: float | int | str) -> str:
    """Four significant digits; whole numbers and words as they are."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    """`42 s`, `3 min 05 s`, `2 h 07 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def count(number: float) -> str:
    """`1234567` -> `1.23 M`; three digits, up to `E`."""
    for unit in ("", "k", "M", "G", "T", "P"):
        if number < 999.5:
            return f"{number:.3g} {unit}" if unit else f"{number:g} "
        number /= 1000
    return f"{number:.3g} E"
