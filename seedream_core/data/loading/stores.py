"""Stores: read the samples of a batch from texts in memory, or from latents and pictures in shards."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seedream_core.data.images.masks import latent_mask
from seedream_core.data.images.pictures import decode
from seedream_core.data.loading import latents, sample_index
from seedream_core.data.loading.caption_mix import CaptionMix
from seedream_core.data.loading.sample_index import SampleIndex
from seedream_core.data.storage.stored_records import StoredRecords, record_of
from seedream_core.errors import DataError
from seedream_core.models.dual_encoder.own import square
from seedream_core.randomness import normal
from seedream_core.records import Batch

RESIDENT_BYTES = 2 * 2**30
Captions = Mapping[str, Mapping[str, str]]
Kept = tuple[np.ndarray, Captions, np.ndarray | None]


class Store(ABC):
    """Contract: reads samples by row and collects them to batches."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of rows."""

    @abstractmethod
    def batch(self, rows: Sequence[int], step: int) -> Batch:
        """The batch of these rows at this step; a pure function."""


class TextStore(Store):
    """Texts by position; each is its own caption."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts

    def __len__(self) -> int:
        return len(self.texts)

    def batch(self, rows: Sequence[int], step: int) -> Batch:
        return Batch(step=step, keys=[str(row) for row in rows], captions=[self.texts[row] for row in rows])


class ShardStore(Store):
    """Samples of an artifact, cached in memory if the whole set is small; captions are read only with a caption mix.

    `only` holds the positions of a subset, which are then the rows; `workers` processes share the memory limit.
    """

    masked = False
    """Whether defect boxes in the record mask a part of the sample."""

    def __init__(
        self,
        data: Path,
        *,
        seed: int,
        captions: CaptionMix | None = None,
        workers: int = 0,
        only: Sequence[int] | None = None,
    ) -> None:
        self.data, self.seed, self.captions = Path(data), seed, captions
        self.reader = sample_index.opened(self.data)
        if self.reader.damage:
            raise DataError(
                f"{self.reader.folder}: {self.reader.damage[0]} (damages in all: {len(self.reader.damage)})",
                "redo the step that made these shards, or run data/curate on them",
            )
        self.keys = self.reader.keys
        self.rows = range(len(self.keys)) if only is None else tuple(only)
        if not self.rows:
            raise DataError(f"{data}: no samples to train on")
        self.limit = RESIDENT_BYTES // max(1, workers)
        self._kept: dict[int, Kept] = {}
        self._shape: tuple[int, ...] | None = None
        self._slab: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, rows: Sequence[int], step: int) -> Batch:
        positions = [self.rows[row] for row in rows]
        return self.collect([self.keys[position] for position in positions], list(map(self.sample, positions)), step)

    def collect(self, keys: list[str], samples: list[Kept], step: int) -> Batch:
        """The batch of these samples."""
        captions = [
            self.captions.choose(languages, self.seed, key, step) if self.captions else ""
            for key, (_, languages, _) in zip(keys, samples)
        ]
        return Batch(step=step, keys=keys, captions=captions, **self.tensors(keys, samples, step))

    def weights(self) -> np.ndarray:
        """The weight of every row, from its record."""
        if isinstance(self.reader, SampleIndex):
            return self.reader.weights()[np.asarray(self.rows)]
        records = StoredRecords(self.reader)
        return np.array([records[row].weight for row in self.rows])  # 22 µs a sample

    def sample(self, position: int) -> Kept:
        """Array and captions of one sample, and the mask of its defects, if it has any."""
        if position in self._kept:
            return self._kept[position]
        with_captions = self.captions is not None
        members = self.reader.read(position)
        record = record_of(self.keys[position], members)
        array = self.array(self.keys[position], members)
        if self._shape is None:
            self._shape = array.shape
        if array.shape != self._shape:
            raise DataError(
                f"{self.keys[position]} has the shape {array.shape}, others {self._shape}",
                "one artifact holds one size: curate or encode sizes apart",
            )
        captions = record.captions if with_captions else {}
        mask = latent_mask(record.boxes, *array.shape[-2:]) if self.masked and record.boxes else None
        # Captions as Python objects take about three times the size of their json.
        if (array.nbytes + 3 * with_captions * len(members["json"])) * len(self.rows) > self.limit:
            return array, captions, mask
        if self._slab is None:
            # One block: thousands of small permanent arrays would fragment the heap used for a step's tensors.
            self._slab = np.empty((len(self.rows), *array.shape), array.dtype)
        place = self._slab[len(self._kept)]
        place[...] = array
        self._kept[position] = place, captions, mask
        return self._kept[position]

    @abstractmethod
    def array(self, key: str, members: dict[str, bytes]) -> np.ndarray:
        """The array that is cached for one sample."""

    @abstractmethod
    def tensors(self, keys: list[str], samples: list[Kept], step: int) -> dict[str, Tensor]:
        """The fields of a `Batch` that these samples fill."""


class LatentStore(ShardStore):
    """Latents of an artifact, sampled from their posteriors and normalised."""

    masked = True

    def __init__(self, data: Path, **options: Any) -> None:
        super().__init__(data, **options)
        self.mean, self.std = latents.read_statistics(data)

    def array(self, key: str, members: dict[str, bytes]) -> np.ndarray:
        """Mean and deviation, 2×C×h×w, fp16."""
        return latents.unpack(key, members.get(latents.MEMBER)).numpy()

    def tensors(self, keys: list[str], samples: list[Kept], step: int) -> dict[str, Tensor]:
        arrays, _, masks = zip(*samples)
        mean, std = torch.from_numpy(np.stack(arrays, axis=1)).float()
        z = mean + std * normal(self.seed, keys, step, mean.shape[1:], "latent")
        found = {"latents": (z - self.mean) / self.std}
        if any(mask is not None for mask in masks):
            clean = np.ones(mean.shape[-2:], np.float32)
            found["mask"] = torch.from_numpy(np.stack([clean if mask is None else mask for mask in masks]))[:, None]
        return found


class PictureStore(ShardStore):
    """Pictures of an artifact; if `side` is given, converted to squares of that side."""

    def __init__(self, data: Path, *, side: int | None = None, **options: Any) -> None:
        super().__init__(data, **options)
        self.side = side

    def array(self, key: str, members: dict[str, bytes]) -> np.ndarray:
        """H×W×3, uint8."""
        return square(decode(members), self.side) if self.side else decode(members)

    def tensors(self, keys: list[str], samples: list[Kept], step: int) -> dict[str, Tensor]:
        pixels = torch.from_numpy(np.stack([array for array, _, _ in samples]))
        return {"images": pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)}
