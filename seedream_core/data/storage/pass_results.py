"""Results of the first pass over many samples, kept on disk, so that a killed pass resumes and memory use stays
constant.

One line per sample; for each kept sample also one row of every feature in a plain binary file.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from seedream_core.workflow.artifact import write_atomic

EVERY = 2048
SECONDS = 60.0
"""Samples or seconds between two saved states: the most work that a kill loses."""
BLOCK = 4096


@dataclass(frozen=True, kw_only=True)
class PassRow:
    """Result of the first pass for one sample."""

    key: str
    source: str
    position: int
    """Position in the input reader; -1 if the reader itself could not list the sample."""
    name: str = ""
    """Name of the sample at its source, if its record could be read."""
    fate: str = "kept"
    cause: str = ""
    reason: str = ""
    plain: bool = True
    """Whether the sample can be compared by its pictures alone, see `LazySample.plain`."""
    scores: Mapping[str, float] = field(default_factory=dict)
    boxes: Sequence[dict[str, Any]] = field(default_factory=list)


class PassResults:
    """Rows of one pass under `folder`; rows of a pass over another input (`made_from`) are deleted."""

    def __init__(self, folder: Path, made_from: str) -> None:
        self.folder, self.made_from = folder, made_from
        state = self._state()
        if state is None:
            shutil.rmtree(folder, ignore_errors=True)
            state = {"done": 0, "kept": 0, "bytes": 0, "features": {}}
        folder.mkdir(parents=True, exist_ok=True)
        self.done, self.kept, self.shapes = state["done"], state["kept"], state["features"]
        self.saved, self.at = self.done, time.monotonic()
        """Rows that a kill would lose, and the time of the last save."""
        self.lines = self._open("rows.jsonl", state["bytes"])
        self.files = {name: self._open(f"{name}.bin", self.kept * self._dtype(name).itemsize) for name in self.shapes}

    def __enter__(self) -> "PassResults":
        return self

    def __exit__(self, kind, error, trace) -> None:
        if kind is None:
            self.save()
        for file in (self.lines, *self.files.values()):
            file.close()

    def add(self, row: PassRow, features: Mapping[str, np.ndarray]) -> None:
        self.lines.write(json.dumps(asdict(row), ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
        if row.fate == "kept":
            if missing := self.shapes.keys() - features.keys():
                raise ValueError(f"{row.key} lacks the feature {', '.join(sorted(missing))}, which others have")
            for name, value in features.items():
                if name not in self.files:
                    if self.kept:
                        raise ValueError(f"feature {name} of {row.key} was not there before")
                    self.shapes[name] = [value.dtype.str, list(value.shape)]
                    self.files[name] = self._open(f"{name}.bin", 0)
                elif [value.dtype.str, list(value.shape)] != self.shapes[name]:
                    raise ValueError(
                        f"feature {name} of {row.key} is {value.dtype}{value.shape}, others {self.shapes[name]}"
                    )
                self.files[name].write(value.tobytes())
            self.kept += 1
        self.done += 1
        if self.done - self.saved >= EVERY or time.monotonic() - self.at >= SECONDS:
            self.save()

    def save(self) -> None:
        """Saves everything added so far to disk."""
        for file in (self.lines, *self.files.values()):
            file.flush()
            os.fsync(file.fileno())
        state = {
            "made_from": self.made_from,
            "done": self.done,
            "kept": self.kept,
            "bytes": self.lines.tell(),
            "features": self.shapes,
        }
        write_atomic(self.folder / "state.json", json.dumps(state))
        self.saved, self.at = self.done, time.monotonic()

    def rows(self) -> Iterator[PassRow]:
        """All saved rows, in order, read from disk."""
        with open(self.folder / "rows.jsonl", encoding="utf-8") as lines:
            for line in lines:
                yield PassRow(**json.loads(line))

    def features(self) -> dict[str, np.ndarray]:
        """Each feature of the kept samples, mapped from its file."""
        return {name: self._mapped(self.folder / f"{name}.bin", name, self.kept) for name in self.shapes}

    def _mapped(self, path: Path, name: str, count: int) -> np.ndarray:
        dtype = self._dtype(name)
        return (
            np.memmap(path, dtype.base, "r", shape=(count, *dtype.shape))
            if count
            else np.zeros((0, *dtype.shape), dtype.base)
        )

    def _dtype(self, name: str) -> np.dtype:
        kind, shape = self.shapes[name]
        return np.dtype((kind, tuple(shape)))

    def _open(self, name: str, size: int):
        path = self.folder / name
        file = open(path, "r+b" if path.exists() else "w+b")
        file.truncate(size)
        file.seek(size)
        return file

    def _state(self) -> dict | None:
        path = self.folder / "state.json"
        state = json.loads(path.read_bytes()) if path.is_file() else None
        if not state or state.pop("made_from") != self.made_from:
            return None
        self.shapes = state["features"]
        sizes = {"rows.jsonl": state["bytes"]} | {
            f"{name}.bin": state["kept"] * self._dtype(name).itemsize for name in self.shapes
        }
        # A kill while old results were deleted may have left their state file.
        whole = all(
            (self.folder / name).is_file() and (self.folder / name).stat().st_size >= size
            for name, size in sizes.items()
        )
        return state if whole else None


def choose(features: Mapping[str, np.ndarray], rows: np.ndarray, folder: Path) -> dict[str, np.ndarray]:
    """Writes the chosen rows of every feature as `.npy` files under `folder`, mapped; copied in blocks, so that memory
    use stays constant.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    chosen = {}
    for name, values in features.items():
        path = folder / f"{name}.npy"
        target = np.lib.format.open_memmap(path, "w+", values.dtype, (len(rows), *values.shape[1:]))
        for start in range(0, len(rows), BLOCK):
            target[start : start + BLOCK] = values[rows[start : start + BLOCK]]
        target.flush()
        chosen[name] = np.load(path, mmap_mode="r", allow_pickle=False)
    return chosen
