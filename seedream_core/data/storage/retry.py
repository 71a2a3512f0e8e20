"""Retries a stage: takes over what an earlier run kept or dropped, and processes only what it quarantined.

The earlier run may be finished, or stopped (over its budget, or killed): what it had not reached is then new. Samples
are known by their keys.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from seedream_core.data.storage.members import DamagedSample, MemberPlaces, ShardFile
from seedream_core.data.storage.resumable_writer import STATE
from seedream_core.data.storage.shards import OPEN_SHARDS, ShardReader
from seedream_core.errors import UserError
from seedream_core.workflow import states
from seedream_core.workflow.artifact import CONFIG, MANIFEST
from seedream_core.workflow.config import parse, with_new_keys
from seedream_core.workflow.document import load_yaml
from seedream_core.workflow.stage import Stage

SHOWN = 3
MENDED = ("data", "source.path", "retry")
"""Inputs that may be others than in the run that is retried."""


@dataclass(frozen=True, slots=True)
class EarlierRow:
    """What became of a sample the first time."""

    fate: str
    reason: str = ""
    name: str = ""
    shard: str = ""
    """Of a kept one: where its members lie."""
    key: str = ""
    places: MemberPlaces | None = None

    @property
    def settled(self) -> bool:
        """Whether that stands: what was quarantined, or kept in a shard that is not there, is tried again."""
        return self.fate in ("kept", "dropped")

    def members(self) -> dict[str, bytes] | None:
        """Those of a kept sample; None where its shard has suffered since."""
        try:
            return _shard(self.shard).read(self.key, *self.places)
        except (DamagedSample, OSError):
            return None


class EarlierRun:
    """An earlier run of `stage`, whose options that count for a sample (`essence`) must be the same."""

    def __init__(self, folder: Path, stage: Stage, essence: Callable[[Any], dict]) -> None:
        self.folder = Path(folder)
        self._check(stage, essence)
        self.finished = (self.folder / MANIFEST).is_file()
        self.reader = ShardReader(self.folder) if any(self.folder.glob("shards/*.tar")) else None
        self._kept = {key: index for index, key in enumerate(self.reader.keys)} if self.reader else {}
        self._others: dict[str, tuple[str, str, str]] = {}
        self._bad: set[str] = set()
        """Sources of what was quarantined, with their extension and without."""
        content = hashlib.blake2b(digest_size=16)
        for line, row in _rows(self.folder):
            content.update(line)
            if row["fate"] == "dropped":
                self._others[row["key"]] = "dropped", row["reason"], row.get("name", "")
            elif row["fate"] == "quarantined":
                self._others.setdefault(
                    row["key"], ("quarantined", row["reason"], "")
                )  # of two of one name one may be kept
                self._bad |= {row["source"], row["source"].rpartition(".")[0]}
            elif row["key"] not in self._kept:
                self._others[row["key"]] = "missing", "", ""
        self.digest = content.hexdigest()
        """Of all its fates: another run is another one to retry."""

    @property
    def changes(self) -> dict[str, int]:
        """How often what was changed in the samples that it kept, as its journal says."""
        path = self.folder / STATE
        return json.loads(path.read_bytes())["changes"] if path.is_file() else {}

    def before(self, key: str) -> EarlierRow | None:
        """What became of this sample; None where it was not reached, or is not in a whole shard."""
        if (index := self._kept.get(key)) is not None:
            layout, numbers = self.reader.places(index)
            return EarlierRow(
                "kept",
                "",
                "",
                str(self.reader.folder / self.reader.shard(index)),
                key,
                MemberPlaces(layout, tuple(numbers)),
            )
        return EarlierRow(*self._others[key]) if key in self._others else None

    def check(self, samples: Iterable[tuple[str, str, str]]) -> int:
        """How many of these (key, name, place) will be tried again; UserError where they are not those of the earlier
        run.
        """
        seen, new, again = set(), [], 0
        for key, name, place in samples:
            before = self.before(key)
            if before is None:
                # A mended shard, row or sidecar brings samples that had no row of their own.
                mended = {place, place.rpartition(":")[0], place.rpartition(".")[0]} & self._bad
                new += [name] if self.finished and not mended else []
            elif before.settled:
                seen.add(key)
            else:
                again += before.fate == "quarantined"
        if new:
            raise UserError(
                f"retry: {self.folder} never met {_some(new)}",
                "retry is for the same samples, mended; ingest a larger source without it",
            )
        gone = [
            key
            for key in (*self._kept, *(key for key, (fate, *_) in self._others.items() if fate == "dropped"))
            if key not in seen
        ]
        if gone:
            raise UserError(
                f"retry: {_some(gone)} of {self.folder} are not in the source any more",
                "bring them back, or ingest without retry",
            )
        return again

    def _check(self, stage: Stage, essence: Callable[[Any], dict]) -> None:
        if not all((self.folder / name).is_file() for name in (CONFIG, "fates.jsonl")):
            raise UserError(
                f"retry: {self.folder} is no folder that {stage.path()} wrote fates in",
                "name the --out of the run to be retried",
            )
        tree = load_yaml(self.folder / CONFIG).tree
        if (was := tree.pop("run", None)) != stage.path():
            raise UserError(f"retry: {self.folder} was made by {was}, not by {stage.path()}")
        then, now = essence(parse(type(stage), with_new_keys(type(stage), tree))), essence(stage)
        edits = [
            f"{name}: {then.get(name)} -> {now.get(name)}" for name in then | now if then.get(name) != now.get(name)
        ]
        edits += states.changes_since(stage, self.folder, MENDED)
        if edits:
            raise UserError(
                f"retry: {self.folder} was made with other options ({'; '.join(edits)})",
                "give the same ones, or begin without retry",
            )


def _rows(folder: Path) -> Iterator[tuple[bytes, dict]]:
    """The fates; the last line of a killed run may be torn."""
    with open(folder / "fates.jsonl", "rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                yield line, json.loads(line)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"


@lru_cache(maxsize=OPEN_SHARDS)
def _shard(path: str) -> ShardFile:
    return ShardFile(Path(path))
