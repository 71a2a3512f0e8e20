"""First pass of curation: runs the funnel over all samples of the shards, in several processes, and gives one row per
sample.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from seedream_core.data.curation.funnel import Funnel, FunnelPlan, Ruling, unreadable
from seedream_core.data.curation.lazy_sample import LazySample, portions
from seedream_core.data.images.pictures import header
from seedream_core.data.images.resizing import moved
from seedream_core.data.storage.pass_results import PassRow
from seedream_core.data.storage.shards import DamagedSample, ShardReader
from seedream_core.errors import DataError
from seedream_core.records import Sample

CHUNK = 32
"""Number of samples judged at once."""
Judged = list[tuple[PassRow, Mapping[str, np.ndarray]]]


@dataclass(frozen=True)
class FilterPass:
    """A plan for the shards of a folder, with everything that a worker process needs to judge samples."""

    folder: Path
    digest: str
    """Digest of the folder: if its contents change, it is opened again."""
    plan: FunnelPlan
    models: tuple[tuple[str, Path], ...] = ()
    size: tuple[int, int] | None = None
    """Size at which kept pictures will be written; a sample that cannot be converted to it is unreadable."""

    def lost(self, reader: ShardReader) -> list[PassRow]:
        """One row for each damage found when the shards were opened."""
        return [
            _row(
                damage.key or f"{damage.shard}@{damage.offset}",
                damage.shard,
                -1,
                unreadable("shard", f"byte {damage.offset}: {damage.reason}"),
            )
            for damage in reader.damage
        ]

    def tasks(self, positions: Sequence[int]) -> list[Sequence[int]]:
        """Samples in chunks that are judged together."""
        return [positions[start : start + CHUNK] for start in range(0, len(positions), CHUNK)]

    def __call__(self, positions: Sequence[int]) -> Judged:
        """Rows and features of these samples, in order."""
        reader, funnel = _opened(self)
        rows: dict[int, PassRow] = {}
        views: dict[int, LazySample] = {}
        for position in positions:
            found = _view(reader, position, self.size)
            if isinstance(found, LazySample):
                views[position] = found
            else:
                rows[position] = _row(reader.keys[position], reader.shard(position), position, found)
        for part in portions(views):
            for position, ruling in zip(part, funnel([views[position] for position in part]), strict=True):
                rows[position] = _row(
                    reader.keys[position], reader.shard(position), position, ruling, views[position], self.size
                )
                views[position].forget()
        return [(rows[position], views[position].features if position in views else {}) for position in positions]


def record(sample: Sample, row: PassRow) -> Sample:
    """The record of a kept sample with the scores and boxes found; a box that an earlier curation also found appears
    once.
    """
    new = [box for box in row.boxes if box not in sample.boxes]
    return replace(sample, scores={**sample.scores, **row.scores}, boxes=(*sample.boxes, *new))


def _view(reader: ShardReader, position: int, fitted: tuple[int, int] | None) -> LazySample | Ruling:
    key, what = reader.keys[position], "record"
    try:
        view = LazySample.read(reader, position)
        sample = view.sample
        if sample.key != key:
            raise DataError(f"the record belongs to {sample.key}")
        sample.to_json()
        what = "picture"
        if (size := header(view.members)) != (sample.width, sample.height):
            raise DataError(f"{size[0]}×{size[1]} pixels where the record says {sample.width}×{sample.height}")
        what = "tuple"
        if fitted and view.further:
            raise DataError(
                f"{', '.join(view.further)} would not be scaled with its picture; make tuples from scaled "
                "pictures instead"
            )
    except DamagedSample as error:
        return unreadable("shard", f"byte {error.damage.offset}: {error.damage.reason}")
    except DataError as error:
        return unreadable(what, error.message)
    return view


def _row(
    key: str,
    shard: str,
    position: int,
    ruling: Ruling,
    view: LazySample | None = None,
    fitted: tuple[int, int] | None = None,
) -> PassRow:
    kept = view is not None and ruling.fate == "kept"
    row = PassRow(
        key=key,
        source=shard,
        position=position,
        fate=ruling.fate,
        cause=ruling.cause,
        reason=ruling.reason,
        name=view.sample.name if view else "",
        plain=not view or view.plain,
        scores=view.scores if kept else {},
        boxes=view.boxes if kept else [],
    )
    if kept:
        try:
            found = record(view.sample, row)
            moved(found, fitted or (found.width, found.height)).to_json()
        except DataError as error:
            return _row(key, shard, position, unreadable("record", error.message), view)
    return row


@lru_cache(maxsize=1)
def _opened(filter_pass: FilterPass) -> tuple[ShardReader, Funnel]:
    return ShardReader(filter_pass.folder), Funnel(filter_pass.plan, dict(filter_pass.models))
