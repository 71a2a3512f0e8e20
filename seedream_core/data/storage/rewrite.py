"""Rewrites shards with changed records: same samples and pictures, a fate each; resumes after a kill."""

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from seedream_core.data.storage.pass_results import choose
from seedream_core.data.storage.resumable_writer import ResumableWriter
from seedream_core.data.storage.shards import ShardReader
from seedream_core.data.storage.stored_records import record_of
from seedream_core.errors import DataError, UserError
from seedream_core.progress import track
from seedream_core.records import Fate, Sample
from seedream_core.workflow.artifact import digest


def whole(data: Path) -> ShardReader:
    """Opens the shards of an artifact; DataError if any is damaged."""
    reader = ShardReader(data)
    if reader.damage:
        raise DataError(f"{data}: {reader.damage[0]}", "run data/curate on it first")
    return reader


@lru_cache(maxsize=1)
def opened(data: Path, digest: str) -> ShardReader:
    """The shards, opened once per worker process: sending a large index with every task would cost more than the task.

    `digest` is the digest of the data: if the contents change, the shards are opened again.
    """
    return ShardReader(data)


def features(data: Path, name: str, count: int) -> np.ndarray:
    """A feature that curate measured for every sample (`features/NAME.npy`), N×d floats, mapped."""
    path = data / "features" / f"{name}.npy"
    if not path.is_file():
        has = ", ".join(sorted(file.stem for file in path.parent.glob("*.npy"))) or "none"
        raise UserError(
            f"features: {data} has no {name!r}; it has {has}",
            "list it among curate's scorers, or leave this option out",
        )
    values = np.load(path, mmap_mode="r", allow_pickle=False)
    if len(values) != count or values.dtype.kind != "f":
        raise DataError(
            f"{path}: {values.dtype} of {len(values)} rows for {count} samples, but one float row a sample is needed"
        )
    return values.reshape(count, -1)


def rewrite(
    reader: ShardReader,
    change: Callable[[int, Sample], Sample],
    out: Path,
    *,
    stage: str,
    made_from: object,
    samples_per_shard: int,
) -> None:
    """Writes every sample with a changed record.

    `change(row, sample)` gives the new record; `made_from` identifies what the change depends on. Features that curate
    measured are copied along.
    """
    identity = json.dumps([digest(reader.folder), made_from])
    with (
        ResumableWriter(out, samples_per_shard, identity) as journal,
        track(stage.rpartition("/")[2], len(reader), done=journal.done) as progress,
    ):
        for row in range(journal.done, len(reader)):
            members = reader.read(row)
            sample = record_of(reader.keys[row], members)
            fate = Fate(
                key=reader.keys[row], name=sample.name, source=reader.shard(row), fate="kept", reason="", stage=stage
            )
            journal.add(fate, members | {"json": change(row, sample).to_json()})
            progress.advance()
    carry(reader, out)


def carry(reader: ShardReader, out: Path) -> None:
    """Copies the rows of `features/` of the samples that `out` kept; only for stages that do not change the pictures.

    The `fates.jsonl` of `out` says which samples were kept: one line per sample of the reader, in order.
    """
    paths = sorted((reader.folder.parent / "features").glob("*.npy"))
    features = {path.stem: np.load(path, mmap_mode="r", allow_pickle=False) for path in paths}
    if not features:
        return
    with open(out / "fates.jsonl", "rb") as lines:
        kept = np.array([json.loads(line)["fate"] == "kept" for line in lines])
    for name, values in features.items():
        if len(values) != len(kept):
            raise DataError(
                f"{reader.folder.parent}: features/{name}.npy has {len(values)} rows for {len(kept)} samples",
                "run data/curate again",
            )
    choose(features, np.flatnonzero(kept), out / "features")
