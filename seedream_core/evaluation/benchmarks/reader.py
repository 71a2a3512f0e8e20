"""Benchmark of shard reading: our reader with CRC32 checks against webdataset without; warm files, index built.

Each size is timed from an open reader and, beside it, with the index read anew; and against the least that checking
must cost: one pread and one crc32 of the same bytes.
"""

import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Ge
from isal.isal_zlib import crc32

from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.errors import DataError
from seedream_core.evaluation.benchmarks import Benchmark, Comparison

SHARD_BYTES = 50 * 10**6
NOISE = 4 * 2**20


@dataclass(frozen=True, kw_only=True)
class ReaderBenchmark(Benchmark):
    renamed: ClassVar[Mapping[str, str]] = {"most_bytes": "max_bytes"}
    sizes: tuple[tuple[int, int], ...] = (
        (1000, 300),
        (8000, 300),
        (20_000, 300),
        (20_000, 20_000),
        (100_000, 300),
        (1_000_000, 300),
    )
    """Bytes of a sample's picture and of its text."""
    samples: Annotated[int, Ge(2)] = 5000
    """Of each size, or what `max_bytes` allows."""
    max_bytes: Annotated[int, Ge(1)] = 100 * 10**6
    """Written for each size."""
    goal: float = 5.0
    """Least ratio where a sample has up to `goal_bytes`."""
    goal_bytes: int = 40_000

    def run(self, folder: Path) -> list[Comparison]:
        found = []
        for picture, text in self.sizes:
            count = max(2, min(self.samples, self.max_bytes // (picture + text)))
            place = folder / f"{picture}-{text}"
            _write(place, count, picture, text)
            found += self._compare(
                place, f"{picture:,} + {text:,} bytes", self.goal if picture + text <= self.goal_bytes else None
            )
        return found

    def _compare(self, place: Path, case: str, goal: float | None) -> list[Comparison]:
        import webdataset

        reader, urls = ShardReader(place), [str(path) for path in sorted(place.glob("*.tar"))]

        def ours() -> None:
            for index in range(len(reader)):
                reader.read(index)

        def opened() -> None:
            again = ShardReader(place)
            for index in range(len(again)):
                again.read(index)

        def theirs() -> None:
            for _ in webdataset.WebDataset(urls, shardshuffle=False):
                pass

        for index, sample in enumerate(webdataset.WebDataset(urls, shardshuffle=False)):
            if sample["__key__"] != reader.keys[index] or {
                name: sample[name] for name in ("jpg", "txt")
            } != reader.read(index):
                raise DataError(f"sample {index} of {place} is not the same from both readers")
        if index + 1 != len(reader):
            raise DataError(f"{index + 1} samples of {place} from webdataset, {len(reader)} from ours")
        return [
            self.compare(case, len(reader), ours, theirs, goal),
            self.compare(f"{case}, index read anew", len(reader), opened, theirs),
            self.compare(f"{case}, ours against pread and crc32 alone", len(reader), ours, _least(reader)),
        ]


def _least(reader: ShardReader) -> Callable[[], None]:
    """The same bytes read and summed, and nothing else."""
    files = {
        name: os.open(reader.folder / name, os.O_RDONLY)
        for name in {reader.shard(index) for index in range(len(reader))}
    }
    spans = []
    for index in range(len(reader)):
        numbers = reader.places(index).numbers
        spans.append((files[reader.shard(index)], numbers[-3] + 512 + numbers[-2] - numbers[0], numbers[0]))

    def least() -> None:
        for descriptor, size, offset in spans:
            crc32(os.pread(descriptor, size, offset))

    return least


def _write(folder: Path, count: int, picture: int, text: int) -> None:
    noise = random.Random(picture).randbytes(NOISE + picture)
    with ShardWriter(folder, max(1, SHARD_BYTES // (picture + text))) as writer:
        for number in range(count):
            start = number * 7919 % NOISE
            writer.add(
                f"{number:08d}", {"jpg": noise[start : start + picture], "txt": (f"{number} " * text)[:text].encode()}
            )
