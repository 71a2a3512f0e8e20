"""Retries a stage: reuses the samples that an earlier run kept or dropped, and processes only those that it
quarantined.

The earlier run may be finished or stopped (over its budget, or killed); samples that it did not reach are new. Samples
are identified by their keys.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from seedream_core.data.storage.members import DamagedSample, MemberPlaces, ShardFile
from seedream_core.data.storage.resumable_writer import STATE
from seedream_core.data.storage.shards import OPEN_SHARDS, ShardReader
from seedream_core.errors import UserError
from seedream_core.workflow.artifact import CONFIG, MANIFEST
from seedream_core.workflow.config import parse, with_new_keys
from seedream_core.workflow.document import load_yaml
from seedream_core.workflow.stage import Stage

ChangesSince = Callable[[Stage, Path, Collection[str]], list[str]]
"""How stage version and inputs differ from those of the run in a folder, apart from the named inputs."""
SHOWN = 3
MENDED = ("data", "source.path", "retry")
"""Inputs that may differ from the run that is retried."""


@dataclass(frozen=True, slots=True)
class EarlierRow:
    """Fate of a sample in the earlier run."""

    fate: str
    reason: str = ""
    name: str = ""
    shard: str = ""
    """Shard of a kept sample's members."""
    key: str = ""
    places: MemberPlaces | None = None

    @property
    def settled(self) -> bool:
        """Whether this fate is final: quarantined samples, and kept ones whose shard is missing, are tried again."""
        return self.fate in ("kept", "dropped")

    def members(self) -> dict[str, bytes] | None:
        """Members of a kept sample; None if its shard has been damaged since."""
        try:
            return _shard(self.shard).read(self.key, *self.places)
        except (DamagedSample, OSError):
            return None


class EarlierRun:
    """An earlier run of `stage`; the options that decide a sample's fate (`essence`) must be the same."""

    def __init__(self, folder: Path, stage: Stage, essence: Callable[[Any], dict], changes_since: ChangesSince) -> None:
        self.folder = Path(folder)
        self._check(stage, essence, changes_since)
        self.finished = (self.folder / MANIFEST).is_file()
        self.reader = ShardReader(self.folder) if any(self.folder.glob("shards/*.tar")) else None
        self._kept = {key: index for index, key in enumerate(self.reader.keys)} if self.reader else {}
        self._others: dict[str, tuple[str, str, str]] = {}
        self._bad: set[str] = set()
        """Places of quarantined samples, with and without extension."""
        content = hashlib.blake2b(digest_size=16)
        for line, row in _rows(self.folder):
            content.update(line)
            if row["fate"] == "dropped":
                self._others[row["key"]] = "dropped", row["reason"], row.get("name", "")
            elif row["fate"] == "quarantined":
                self._others.setdefault(
                    row["key"], ("quarantined", row["reason"], "")
                )  # of two samples with one name, one may be kept
                self._bad |= {row["source"], row["source"].rpartition(".")[0]}
            elif row["key"] not in self._kept:
                self._others[row["key"]] = "missing", "", ""
        self.digest = content.hexdigest()
        """Digest of all fates of the earlier run."""

    @property
    def changes(self) -> dict[str, int]:
        """Number of times each change was made to kept samples, as saved by the earlier run."""
        path = self.folder / STATE
        return json.loads(path.read_bytes())["changes"] if path.is_file() else {}

    def before(self, key: str) -> EarlierRow | None:
        """Fate of this sample; None if it was not reached, or is not in a complete shard."""
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
        """Number of these (key, name, place) that will be tried again; UserError if they are not the samples of that
        run.
        """
        seen, new, again = set(), [], 0
        for key, name, place in samples:
            before = self.before(key)
            if before is None:
                # A repaired shard, row or sidecar may give samples that had no row of their own.
                mended = {place, place.rpartition(":")[0], place.rpartition(".")[0]} & self._bad
                new += [name] if self.finished and not mended else []
            elif before.settled:
                seen.add(key)
            else:
                again += before.fate == "quarantined"
        if new:
            raise UserError(
                f"retry: {self.folder} does not know {_some(new)}",
                "retry needs the same samples, some of them repaired; ingest a larger source without retry",
            )
        gone = [
            key
            for key in (*self._kept, *(key for key, (fate, *_) in self._others.items() if fate == "dropped"))
            if key not in seen
        ]
        if gone:
            raise UserError(
                f"retry: {_some(gone)} of {self.folder} are not in the source any more",
                "restore them, or ingest without retry",
            )
        return again

    def _check(self, stage: Stage, essence: Callable[[Any], dict], changes_since: ChangesSince) -> None:
        if not all((self.folder / name).is_file() for name in (CONFIG, "fates.jsonl")):
            raise UserError(
                f"retry: {self.folder} is not an output folder of {stage.path()}",
                "name the --out of the run to be retried",
            )
        tree = load_yaml(self.folder / CONFIG).tree
        if (was := tree.pop("run", None)) != stage.path():
            raise UserError(f"retry: {self.folder} was made by {was}, not by {stage.path()}")
        then, now = essence(parse(type(stage), with_new_keys(type(stage), tree))), essence(stage)
        edits = [
            f"{name}: {then.get(name)} -> {now.get(name)}" for name in then | now if then.get(name) != now.get(name)
        ]
        edits += changes_since(stage, self.folder, MENDED)
        if edits:
            raise UserError(
                f"retry: {self.folder} was made with other options ({'; '.join(edits)})",
                "use the same options, or start without retry",
            )


def _rows(folder: Path) -> Iterator[tuple[bytes, dict]]:
    """The fates; the last line of a killed run may be incomplete."""
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
