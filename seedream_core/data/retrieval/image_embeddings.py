"""Computes the embeddings of an artifact's pictures, in the order of its shards, on several processes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seedream_core.data.storage.engines import Engine
from seedream_core.data.storage.ordered import processes
from seedream_core.data.storage.shards import DamagedSample, ShardReader
from seedream_core.errors import DataError
from seedream_core.workflow.artifact import digest

if TYPE_CHECKING:
    from seedream_core.models.dual_encoder.base import DualEncoderBase

CHUNK = 64


@dataclass(frozen=True)
class ImageEmbeddings:
    """One chunk of samples: float16 vectors of the readable ones, and the errors of the others."""

    positions: tuple[int, ...]
    vectors: np.ndarray
    lost: dict[int, str]


@dataclass(frozen=True)
class Embedder:
    """Everything that a worker process needs to embed samples of a folder."""

    folder: Path
    encoder: Path
    digests: tuple[str, str]
    """Digest of shards and encoder: if their contents change, they are opened again."""
    threads: int | None = None

    def tasks(self, count: int) -> list[range]:
        return [range(first, min(first + CHUNK, count)) for first in range(0, count, CHUNK)]

    def __call__(self, positions: Sequence[int]) -> ImageEmbeddings:
        from seedream_core.data.images.pictures import decode

        reader, encoder = _opened(self)
        pixels, lost = {}, {}
        for position in positions:
            try:
                pixels[position] = decode(reader.read(position))
            except DamagedSample as error:
                lost[position] = f"shard: byte {error.damage.offset}: {error.damage.reason}"
            except DataError as error:
                lost[position] = f"picture: {error.message}"
        return ImageEmbeddings(tuple(pixels), encoder.images(list(pixels.values())).astype(np.float16), lost)


@lru_cache(maxsize=1)
def _opened(embedder: Embedder) -> "tuple[ShardReader, DualEncoderBase]":
    import torch

    from seedream_core.models.dual_encoder.artifact import load

    if embedder.threads:
        torch.set_num_threads(embedder.threads)
    return ShardReader(embedder.folder), load(embedder.encoder)


def embed(data: Path, encoder: Path, count: int, engine: Engine, workers: int) -> Iterator[ImageEmbeddings]:
    """Every chunk in order; if there are several processes, each has one thread."""
    embedder = Embedder(data, encoder, (digest(data), digest(encoder)), 1 if processes(workers) > 1 else None)
    yield from engine(embedder, embedder.tasks(count), workers)
