"""Converts pictures and captions from any source to tar shards in one format; records for every sample whether it was
kept, and why not.
"""

import hashlib
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Le

from seedream_core.data.sources import Item, Items, Listing, Lost, Source, raw_captions
from seedream_core.data.storage.engines import Spread
from seedream_core.errors import DataError, NothingMade
from seedream_core.records import Fate, Sample, safe_key
from seedream_core.workflow.config import changed
from seedream_core.workflow.host import FREE, Host
from seedream_core.workflow.stage import Folder, Stage

if TYPE_CHECKING:
    from seedream_core.data.images.pictures import NormalPicture
    from seedream_core.data.storage.retry import EarlierRow

RECORD = {"key", "width", "height", "captions"}
OWN = {"source", "tags", "scores", "boxes", "weight", "truth", "task"}
"""Fields of a source row that are kept in our record; a row that has all of RECORD is already one of our records."""
MENDED = "mended"


@dataclass(frozen=True)
class Taken:
    """Fate, members and changes of one item."""

    fate: Fate
    members: dict[str, bytes] | None = None
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class IngestStage(Spread, Stage):
    makes: ClassVar[str] = "shards"
    version: ClassVar[int] = 3
    source: Source
    """where pictures and captions come from, and in which layout; for single pictures only: tuples made by data/pairs
    are given to later stages directly"""
    width: Annotated[int, Ge(1)] | None = None
    """width in pixels, given together with `height`: every picture is scaled to cover this size and cropped in the
    middle; if not set, all sizes are kept"""
    height: Annotated[int, Ge(1)] | None = None
    "pixels"
    bad_budget: Annotated[float, Ge(0), Le(1)] = field(default=0.001, metadata=FREE)
    """largest share of unusable samples (no picture, cannot be decoded, damaged shard) that is quarantined; a larger
    share stops the run"""
    samples_per_shard: Annotated[int, Ge(1)] = 5000
    "samples in one tar file"
    retry: Folder | None = None
    """the --out folder of an earlier run of the same ingest, finished or stopped: kept samples are copied byte for
    byte, and only quarantined ones are tried again"""

    def __post_init__(self) -> None:
        if (self.width is None) != (self.height is None):
            raise ValueError("width and height: give both, or neither")

    def facts(self, inputs: Mapping[str, Any]) -> dict:
        return {"width": self.width, "height": self.height} if self.width else {}

    def run(self, out: Path, host: Host) -> dict:
        from seedream_core.data.storage.resumable_writer import ResumableWriter
        from seedream_core.data.storage.retry import EarlierRun
        from seedream_core.progress import track
        from seedream_core.workflow.states import changes_since

        started = time.monotonic()
        listing = _unique(self.source.listing())
        total = len(listing.items) + len(listing.lost)
        if not total:
            others = f"; the source holds {_several(listing.ignored)}, which are not read" if listing.ignored else ""
            raise DataError(
                f"{self.source.path}: no samples found{others}",
                f"is it laid out as the source {self.source.name()!r} expects?",
            )
        earlier = EarlierRun(self.retry, self, _essence, changes_since) if self.retry else None
        again = earlier.check((safe_key(item.name), item.name, item.place) for item in listing.items) if earlier else 0

        def task(row: int) -> tuple[Item, "EarlierRow | None"]:
            item = listing.items[row]
            return item, earlier.before(safe_key(item.name)) if earlier else None

        identity = f"{_identity(listing, self)} {earlier.digest if earlier else ''}"
        with (
            ResumableWriter(out, self.samples_per_shard, identity) as journal,
            track("ingest", total, done=journal.done) as progress,
        ):
            if earlier and not journal.done:
                journal.changes.update({change: count for change, count in earlier.changes.items() if change != MENDED})
            for lost in listing.lost[journal.done :]:
                fate = self._fate(lost)
                journal.add(fate)
                self._check(fate, journal.fates, total, out)
                progress.advance(**journal.fates)
            rest = range(max(0, journal.done - len(listing.lost)), len(listing.items))
            for taken in self.engine(partial(take, self), Items(task, rest), host.workers):
                journal.add(taken.fate, taken.members, taken.changes)
                progress.advance(**journal.fates)
                self._check(taken.fate, journal.fates, total, out)
            if not journal.fates["kept"]:
                raise NothingMade(f"{self.source.path}: none of {total} samples is usable; see {out / 'fates.jsonl'}")
        fates = journal.counts()
        changes = Counter(journal.changes)
        retried = {"retried": again, MENDED: changes.pop(MENDED, 0)} if earlier else {}
        for name, count in (
            *fates.items(),
            *retried.items(),
            *((f"  {change}", count) for change, count in changes.most_common()),
        ):
            print(f"{name:<24}{count:>10}{count / total:>9.2%}", file=sys.stderr)
        if listing.ignored:
            print(f"ignored besides these: {_several(listing.ignored)}", file=sys.stderr)
        return {
            "samples": total,
            **fates,
            **retried,
            "changes": dict(changes.most_common()),
            "ignored": dict(listing.ignored),
            "samples_per_second": round(len(rest) / (time.monotonic() - started), 1),
            "facts": {"samples": fates["kept"]},
        }

    def _fate(self, lost: Lost) -> Fate:
        return Fate(
            key=safe_key(lost.name),
            name=lost.name,
            source=lost.place,
            fate="quarantined",
            reason=lost.reason,
            stage=self.path(),
        )

    def _check(self, last: Fate, fates: Counter, total: int, out: Path) -> None:
        if last.fate == "quarantined" and (bad := fates["quarantined"]) > self.bad_budget * total:
            raise DataError(
                f"{self.source.path}: {bad} of {total} samples are unusable so far, over the budget of "
                f"{self.bad_budget:.2%}; "
                f"the last, {last.name}: {last.reason}; all are in {out / 'fates.jsonl'}",
                "accept the loss with a larger bad_budget, and the same command resumes here; or repair them and start "
                "in a new "
                f"folder with --set retry={out}, which reads only the quarantined samples again",
            )


def take(stage: IngestStage, task: "tuple[Item, EarlierRow | None]") -> Taken:
    """Takes one item over from an earlier run, or else reads and normalises it; an item that fails gets its reason."""
    item, before = task
    fate = partial(Fate, key=safe_key(item.name), name=item.name, source=item.place, stage=stage.path())
    if before and before.fate == "dropped":
        return Taken(fate(fate="dropped", reason=before.reason))
    if before and before.fate == "kept" and (members := before.members()):
        return Taken(fate(fate="kept", reason=""), members)
    taken = _take(stage, item, fate)
    if before and before.fate == "quarantined" and taken.fate.fate == "kept":
        return replace(taken, changes=(*taken.changes, MENDED))
    return taken


def _take(stage: IngestStage, item: Item, fate: partial) -> Taken:
    from seedream_core.data.images.pictures import TooSmall, normalise
    from seedream_core.data.storage.shards import MEMBER_BYTES

    try:
        raw = stage.source.read(item)
        own = _own(raw.record)
        picture = normalise(raw.picture, (stage.width, stage.height) if stage.width else None)
        lost = ()
        if picture.whole:
            own, lost = _refitted(own, picture)
        if len(picture.data) > MEMBER_BYTES:
            raise DataError(
                f"too large: {len(picture.data)} bytes in the normal form ({', '.join(picture.changes)}), over "
                f"{MEMBER_BYTES}"
            )
        record = Sample(
            key=safe_key(item.name),
            name=item.name,
            width=picture.width,
            height=picture.height,
            captions=raw.captions,
            **own,
        ).to_json()
    except TooSmall as error:
        return Taken(fate(fate="dropped", reason=error.message))
    except DataError as error:
        return Taken(fate(fate="quarantined", reason=error.message))
    return Taken(
        fate(fate="kept", reason=""), {picture.extension: picture.data, "json": record}, (*picture.changes, *lost)
    )


def _own(row: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a source row that are kept; DataError if its boxes are malformed, or if it belongs to a tuple, whose
    other pictures would be lost.
    """
    from seedream_core.data.images.masks import sides

    kept = OWN & row.keys() if row.keys() >= RECORD else ()
    own = {name: tuple(value) if isinstance(value := row[name], list) else value for name in kept}
    own["source"] = own.get("source") or raw_captions.origin(row)
    if isinstance(task := own.get("task", Sample.task), str) and task != Sample.task:
        raise DataError(
            f"tuple: ingest brings single pictures in, and this is the target of a tuple ({task[:40]}); "
            "give the artifact that it is in to later stages as it is"
        )
    for box in boxes if isinstance(boxes := own.get("boxes"), tuple) else ():
        try:
            sides(box)
        except DataError as error:
            raise DataError(f"record: boxes: {error.message}") from None
    return own


def _refitted(own: Mapping[str, Any], picture: "NormalPicture") -> tuple[dict[str, Any], tuple[str, ...]]:
    """The record after its picture was scaled and cropped, without the fields that are no longer true."""
    from seedream_core.data.images.masks import cropped
    from seedream_core.data.images.resizing import crops

    size, stale = (picture.width, picture.height), {"scores"}
    if crops(picture.whole, size):
        stale |= {"truth"}
    moved = {name: value for name, value in own.items() if name not in stale}
    if isinstance(boxes := own.get("boxes"), tuple):
        moved["boxes"] = cropped(boxes, picture.whole, size)
    return moved, tuple(
        f"{name} left out: of the picture before it was {'cropped' if name == 'truth' else 'scaled'}"
        for name in sorted(stale)
        if own.get(name)
    )


def _unique(listing: Listing) -> Listing:
    """Of several items with the same name the first is kept; the others are reported as lost."""
    import numpy as np

    # What must differ in shards are keys: a name may be another one's key. First their hashes: a dict of all would
    # outweigh the listing.
    hashes = np.fromiter((hash(safe_key(item.name)) for item in listing.items), np.int64, len(listing.items))
    known, counts = np.unique(hashes, return_counts=True)
    several = set(known[counts > 1].tolist())
    places: dict[str, str] = {}
    rows, twice = [], []
    for row in range(len(hashes)) if several else ():
        if int(hashes[row]) in several:
            item = listing.items[row]
            key = safe_key(item.name)
            if key in places:
                twice.append(Lost(item.name, item.place, f"name twice: {item.name} is already at {places[key]}"))
                continue
            places[key] = item.place
        rows.append(row)
    items = Items(listing.items.__getitem__, rows) if several else listing.items
    return Listing(items, [*listing.lost, *twice], listing.ignored)


def _several(ignored: Counter[str]) -> str:
    return ", ".join(f"{count:,} {extension or 'without extension'}" for extension, count in ignored.most_common())


def _essence(stage: IngestStage) -> dict:
    """Options that decide the fate of a sample; the source may have been moved."""
    options = changed(stage)
    return {
        "source": {name: value for name, value in options["source"].items() if name != "path"},
        **{name: options[name] for name in ("width", "height") if name in options},
    }


def _identity(listing: Listing, stage: IngestStage) -> str:
    """Digest of the listing and options: a stopped run resumes only if it is unchanged."""
    content = hashlib.blake2b(digest_size=16)
    for one in listing.lost:
        content.update(json.dumps([one.name, one.place, one.reason]).encode())
    for one in listing.items:
        content.update(json.dumps([one.name, one.place, one.at], default=str).encode())
    return f"{content.hexdigest()} {stage.width} {stage.height} {stage.samples_per_shard}"
