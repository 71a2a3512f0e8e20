"""Reuses verdicts of an earlier curation: kept and dropped samples are taken over; unreadable samples and duplicates
are judged again.

Duplicates are judged again because the sample they repeat may have changed. For a kept sample the picture must be the
same, byte for byte; for a dropped sample the key must be the same.
"""

from pathlib import Path

import numpy as np

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.storage.pass_results import PassRow
from seedream_core.data.storage.retry import ChangesSince, EarlierRun
from seedream_core.data.storage.shards import ShardReader
from seedream_core.errors import DataError
from seedream_core.records import Sample
from seedream_core.workflow.stage import Stage

Judged = tuple[PassRow, dict[str, np.ndarray]]


class EarlierVerdicts:
    """An earlier run of a stage with the same scorers, filters and comparisons (`essence`)."""

    def __init__(self, folder: Path, stage: Stage, essence, comparisons: set[str], changes_since: ChangesSince) -> None:
        self.earlier = EarlierRun(folder, stage, essence, changes_since)
        self.comparisons = comparisons
        self.places = {key: place for place, key in enumerate(self.earlier.reader.keys)} if self.earlier.reader else {}
        self.features = {
            path.stem: np.load(path, mmap_mode="r", allow_pickle=False)
            for path in sorted((Path(folder) / "features").glob("*.npy"))
        }

    def row(self, reader: ShardReader, position: int) -> Judged | None:
        """Row and features of one sample of `reader`; None if it must be judged again."""
        try:
            return self._row(reader, position)
        except DataError:  # the funnel will report what is wrong
            return None

    def _row(self, reader: ShardReader, position: int) -> Judged | None:
        key, shard = reader.keys[position], reader.shard(position)
        before = self.earlier.before(key)
        if before is None or not before.settled:
            return None
        cause = before.reason.partition(": ")[0]
        if cause in self.comparisons:
            return None
        if before.fate == "dropped":
            return PassRow(
                key=key,
                name=before.name,
                source=shard,
                position=position,
                fate="dropped",
                cause=cause,
                reason=before.reason,
            ), {}
        place, then, now = self.places[key], before.members(), reader.read(position)
        if then is None or any(then.get(name) != data for name, data in now.items() if name != "json"):
            return None
        old, new = Sample.of(now), Sample.of(then)
        found = {name: value for name, value in new.scores.items() if old.scores.get(name) != value}
        row = PassRow(
            key=key,
            name=old.name,
            source=shard,
            position=position,
            plain=LazySample(old, now).plain,
            scores=found,
            boxes=list(new.boxes[len(old.boxes) :]),
        )
        return row, {name: np.array(values[place]) for name, values in self.features.items()}
