"""The history of one sample: its fate in every stage behind an artifact, from its source on."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seedream_core.errors import UserError
from seedream_core.records import Sample
from seedream_core.report.lineage import trace
from seedream_core.workflow import states
from seedream_core.workflow.artifact import MANIFEST

if TYPE_CHECKING:
    from seedream_core.data.storage.shards import ShardReader


@dataclass(frozen=True)
class HistoryEntry:
    """What one stage did with the sample."""

    step: str
    stage: str
    fate: str
    """kept, dropped or quarantined; `there` where a stage records no fates and its result has the sample."""
    reason: str
    source: str
    key: str
    """The sample's key in that stage: the key of a tuple differs from that of its picture."""


@dataclass(frozen=True)
class SampleHistory:
    key: str
    name: str
    entries: tuple[HistoryEntry, ...]
    members: dict[str, bytes] | None
    """The sample's files in the artifact; None where it is not there."""


def sample_history(folder: Path, key: str) -> SampleHistory:
    """The history of the sample with this key or this name in its source; UserError where no stage has it."""
    steps, members = _steps(folder), read(folder, key)
    own = Sample.of(members) if members else None
    known = {key, own.name if own else ""} - {""}
    for _, _, place in reversed(steps):  # backwards: the key of a tuple holds the key of its picture
        known |= {row["name"] for row in _met(place, known) if row["key"] in known and row.get("name")}
    entries, names = [], []
    for step, stage, place in steps:
        for row in _met(place, known):
            names.append(row.get("name") or "")
            known |= {row["key"], names[-1]} - {""}
            entries.append(HistoryEntry(step, stage, row["fate"], row["reason"], row["source"], row["key"]))
        if not (entries and entries[-1].step == step) and (found := _place(place, known)):
            entries.append(HistoryEntry(step, stage, "there", "", *found))
    if not entries:
        raise UserError(
            f"{folder}: no sample {key!r} in it or in what it was made from",
            "give a key, or the sample's name in its source; fates.jsonl lists both",
        )
    last = own.key if own else entries[-1].key
    return SampleHistory(last, next(filter(None, names), ""), tuple(entries), members or read(folder, last))


def fates(folder: Path) -> Counter[tuple[str, str]]:
    """Number of samples for each (fate, reason); figures in a reason are left out, so that equal causes are counted
    together.
    """
    return Counter((row["fate"], row["reason"].partition(": ")[0]) for row in _rows(folder))


def read(folder: Path, key: str | None = None) -> dict[str, bytes] | None:
    """Extension -> bytes of the sample with this key, or of the first sample; None where there is none."""
    from seedream_core.records import safe_key

    if (reader := _reader(folder)) is None:
        return None
    if key is None:
        return reader.read(0) if len(reader) else None
    place = next((reader.keys.index(one) for one in (key, safe_key(key)) if one in reader.keys), None)
    return None if place is None else reader.read(place)


def unfinished(folder: Path) -> str | None:
    """The stage of an unfinished step; None for any other folder."""
    start = _begun(folder)
    return start and start.stage


def _begun(folder: Path) -> states.Begun | None:
    """The record of an unfinished step's start; None for any other folder."""
    return None if (folder / MANIFEST).is_file() else states.begun(folder)


def _steps(folder: Path) -> list[tuple[str, str, Path]]:
    """Name, stage and folder of every step behind this one and, last, of this step, finished or not."""
    start = _begun(folder)
    places = [folder / item["path"] for items in start.inputs.values() for item in items] if start else [folder]
    steps = [(step.name, step.manifest.stage, step.folder) for step in trace(*places).steps]
    return [*steps, (f"{folder.name} (not finished)", start.stage, folder)] if start else steps


def _met(folder: Path, known: set[str]) -> list[dict]:
    """The stage's fates of these keys or, where it has none of them, of these names."""
    rows = [row for row in _rows(folder) if row["key"] in known or row.get("name") in known]
    return [row for row in rows if row["key"] in known] or rows


def _place(folder: Path, known: set[str]) -> tuple[str, str] | None:
    """Shard and key of the first of these keys that is in the stage's result."""
    reader = _reader(folder)
    return (
        next(((reader.shard(place), key) for place, key in enumerate(reader.keys) if key in known), None)
        if reader is not None
        else None
    )


def _reader(folder: Path) -> "ShardReader | None":
    """The shards of a folder; None where there are none yet."""
    from seedream_core.data.storage.shards import ShardReader

    return ShardReader(folder) if any((folder / "shards").glob("*.tar")) else None


def _rows(folder: Path) -> Iterator[dict]:
    path = folder / "fates.jsonl"
    if path.is_file():
        with open(path, encoding="utf-8") as lines:
            yield from (
                json.loads(line) for line in lines if line.endswith("\n")
            )  # the last line of a killed step may be cut
