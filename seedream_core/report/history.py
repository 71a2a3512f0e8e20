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
class Chapter:
    """What one stage did with it."""

    step: str
    stage: str
    fate: str
    """kept, dropped or quarantined; `there` where a stage keeps no fates and the sample is in what it made."""
    reason: str
    source: str
    key: str
    """Under which the stage knew it: a tuple's is not that of the picture which it was made of."""


@dataclass(frozen=True)
class Story:
    key: str
    name: str
    chapters: tuple[Chapter, ...]
    members: dict[str, bytes] | None
    """Of the sample as the artifact holds it; None where it does not."""


def tell(folder: Path, key: str) -> Story:
    """The story of the sample that has this key, or that its source called so; UserError where nobody met it."""
    steps, members = _steps(folder), read(folder, key)
    own = Sample.from_json(members["json"]) if members else None
    known = {key, own.name if own else ""} - {""}
    for _, _, place in reversed(steps):  # names on the way back: a tuple bears the key of what it was made of
        known |= {row["name"] for row in _met(place, known) if row["key"] in known and row.get("name")}
    chapters, names = [], []
    for step, stage, place in steps:
        for row in _met(place, known):
            names.append(row.get("name") or "")
            known |= {row["key"], names[-1]} - {""}
            chapters.append(Chapter(step, stage, row["fate"], row["reason"], row["source"], row["key"]))
        if not (chapters and chapters[-1].step == step) and (found := _place(place, known)):
            chapters.append(Chapter(step, stage, "there", "", *found))
    if not chapters:
        raise UserError(
            f"{folder}: no sample {key!r} in it or in what it was made from",
            "give a key, or the name that its source had; fates.jsonl lists both",
        )
    last = own.key if own else chapters[-1].key
    return Story(last, next(filter(None, names), ""), tuple(chapters), members or read(folder, last))


def fates(folder: Path) -> Counter[tuple[str, str]]:
    """How many samples met each (fate, reason); figures of a reason are left out, so that like stands with like."""
    return Counter((row["fate"], row["reason"].partition(": ")[0]) for row in _rows(folder))


def read(folder: Path, key: str | None = None) -> dict[str, bytes] | None:
    """Extension -> bytes of the sample, or of the first one; None where it is not there."""
    from seedream_core.records import safe_key

    if (reader := _reader(folder)) is None:
        return None
    if key is None:
        return reader.read(0) if len(reader) else None
    place = next((reader.keys.index(one) for one in (key, safe_key(key)) if one in reader.keys), None)
    return None if place is None else reader.read(place)


def unfinished(folder: Path) -> str | None:
    """The stage of a step that has begun and not finished; None for any other folder."""
    start = _begun(folder)
    return start and start.stage


def _begun(folder: Path) -> states.Begun | None:
    """What a step that has not finished began with; None for any other folder."""
    return None if (folder / MANIFEST).is_file() else states.begun(folder)


def _steps(folder: Path) -> list[tuple[str, str, Path]]:
    """Name, stage and folder of every step behind this one and, last, of itself, be it finished or not."""
    start = _begun(folder)
    places = [folder / item["path"] for items in start.inputs.values() for item in items] if start else [folder]
    steps = [(step.name, step.manifest.stage, step.folder) for step in trace(*places).steps]
    return [*steps, (f"{folder.name} (not finished)", start.stage, folder)] if start else steps


def _met(folder: Path, known: set[str]) -> list[dict]:
    """What the stage said of those keys; of those names, where it knows none of the keys."""
    rows = [row for row in _rows(folder) if row["key"] in known or row.get("name") in known]
    return [row for row in rows if row["key"] in known] or rows


def _place(folder: Path, known: set[str]) -> tuple[str, str] | None:
    """Shard and key of the first of them that lies in what the stage made."""
    reader = _reader(folder)
    return (
        next(((reader.shard(place), key) for place, key in enumerate(reader.keys) if key in known), None)
        if reader is not None
        else None
    )


def _reader(folder: Path) -> "ShardReader | None":
    """Its shards; none where it has made none, or none yet."""
    from seedream_core.data.storage.shards import ShardReader

    return ShardReader(folder) if any((folder / "shards").glob("*.tar")) else None


def _rows(folder: Path) -> Iterator[dict]:
    path = folder / "fates.jsonl"
    if path.is_file():
        with open(path, encoding="utf-8") as lines:
            yield from (
                json.loads(line) for line in lines if line.endswith("\n")
            )  # the last line of a killed step may be cut
