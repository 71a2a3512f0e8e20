"""Batches as a pure function of the step: no loader state, the same rows on any number of ranks and workers.

Sample i of a run is `order(seed, i // n, n)[i % n]`; step s takes samples s·G ... (s+1)·G of it, whatever the world
size, so a resumed run goes on from its step alone, and each sample comes exactly once per epoch, or as often as the
weight in its record says. (Lightning, torchdata and webdataset keep loader state, which peers lost on the second
resume.)
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from seedream_core.data.images.masks import latent_mask
from seedream_core.data.images.pictures import decode
from seedream_core.data.loading import latents
from seedream_core.data.loading.caption_mix import CaptionMix
from seedream_core.data.loading.weights import WeightedOrder, capped
from seedream_core.data.storage.shards import ShardReader
from seedream_core.errors import DataError, UserError
from seedream_core.models.dual_encoder.own import square
from seedream_core.randomness import generator, normal
from seedream_core.records import Batch, Sample
from seedream_core.workflow.host import Host, Train

RESIDENT_BYTES = 2 * 2**30
Order = Callable[[int, int, int], Tensor]
"""(seed, epoch, count) -> a permutation of the samples."""
Captions = Mapping[str, Mapping[str, str]]
Kept = tuple[np.ndarray, Captions, np.ndarray | None]


@lru_cache(maxsize=4)
def order(seed: int, epoch: int, count: int) -> Tensor:
    """The permutation of `count` samples in this epoch."""
    return torch.randperm(count, generator=generator(seed, "order", epoch, "order"))


def rows(
    seed: int, step: int, global_batch: int, count: int, weighted: WeightedOrder | None = None, order: Order = order
) -> list[int]:
    """Positions of the samples of one step, over all ranks; unless they are weighted, each comes once per epoch."""
    found: list[int] = []
    while len(found) < global_batch:
        epoch, place = divmod(step * global_batch + len(found), count)
        places = order(seed, epoch, count)[place : place + global_batch - len(found)].numpy()
        found += (weighted.slots(epoch)[places] if weighted else places).tolist()
    return found


def micro_batches(train: Train, host: Host) -> int:
    """Into how many equal parts one rank's share of a step is cut, so that none is over the host's micro batch."""
    ranks = host.devices * host.nodes
    share, rest = divmod(train.global_batch, ranks)
    if rest:
        raise UserError(
            f"global_batch: {train.global_batch} does not split evenly over {ranks} devices",
            f"use {share * ranks or ranks} or {(share + 1) * ranks}, or other devices in the host file",
        )
    most = host.micro_batch or share
    return next(parts for parts in range(1, share + 1) if share % parts == 0 and share // parts <= most)


class Batches(LightningDataModule):
    """Latents or pictures of an artifact, with captions, from `first_step` to the last step of `train`.

    `only` is the positions of a subset, where not all samples are asked for; with `side`, pictures of any size are
    brought to squares of it.
    """

    def __init__(
        self,
        data: Path,
        *,
        kind: Literal["latents", "images"],
        train: Train,
        captions: CaptionMix | None = None,
        host: Host = Host(),
        first_step: int = 0,
        only: Sequence[int] | None = None,
        side: int | None = None,
    ) -> None:
        super().__init__()
        self.order: Order = order
        self.data, self.train, self.captions, self.host = Path(data), train, captions, host
        self.first_step = first_step
        self.parts = micro_batches(train, host)
        told = captions is not None
        self.store = (
            _Latents(self.data, host, only, told) if kind == "latents" else _Pictures(self.data, host, only, told, side)
        )
        expected = capped(self.store.weights())
        self.weighted = None if (expected == 1).all() else WeightedOrder(train.seed, expected)

    def __len__(self) -> int:
        return len(self.store.rows)

    def batch(self, step: int, rank: int = 0, ranks: int = 1, part: int = 0, parts: int = 1) -> Batch:
        """The rows of `step` that fall to this rank, or one of its `parts` equal micro-batches."""
        mine = rows(self.train.seed, step, self.train.global_batch, len(self), self.weighted, self.order)[rank::ranks]
        size = len(mine) // parts
        mine = [self.store.rows[row] for row in mine[part * size : (part + 1) * size]]
        keys = [self.store.keys[row] for row in mine]
        captions = [
            self.captions.choose(self.store.sample(row)[1], self.train.seed, key, step) if self.captions else ""
            for row, key in zip(mine, keys)
        ]
        return Batch(step=step, keys=keys, captions=captions, **self.store.tensors(mine, keys, self.train.seed, step))

    def train_dataloader(self) -> DataLoader:
        rank, ranks = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        if ranks != self.host.devices * self.host.nodes:
            raise UserError(
                f"{ranks} processes train, but the host file says {self.host.devices} devices "
                f"on {self.host.nodes} nodes"
            )
        # batch_size=None: an item is a whole batch already; workers then deliver them in turn, in our order.
        return DataLoader(_Steps(self, self.first_step, rank, ranks), batch_size=None, num_workers=self.host.workers)


class _Steps(IterableDataset):
    """Micro-batches in order; worker w of W makes every W-th one."""

    def __init__(self, batches: Batches, first: int, rank: int, ranks: int) -> None:
        super().__init__()
        self.make, self.parts, self.steps = batches.batch, batches.parts, batches.train.steps
        self.first, self.rank, self.ranks = first, rank, ranks

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        skip, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        for number in range(self.first * self.parts + skip, self.steps * self.parts, stride):
            step, part = divmod(number, self.parts)
            yield self.make(step, self.rank, self.ranks, part, self.parts)


class _Store(ABC):
    """Samples by position, kept in memory once read where the whole set is small; captions only where they are told."""

    masked = False
    """Whether defects in the record mask a part of the sample."""

    def __init__(self, data: Path, host: Host, only: Sequence[int] | None, told: bool) -> None:
        self.reader = ShardReader(data)
        if self.reader.damage:
            raise DataError(
                f"{self.reader.folder}: {self.reader.damage[0]} (damages in all: {len(self.reader.damage)})",
                "redo the step that made these shards, or run data/curate on them",
            )
        self.keys = self.reader.keys
        self.rows = range(len(self.keys)) if only is None else tuple(only)
        if not self.rows:
            raise DataError(f"{data}: no samples to train on")
        self.limit = RESIDENT_BYTES // max(1, host.workers)
        self.told = told
        self._kept: dict[int, Kept] = {}
        self._shape: tuple[int, ...] | None = None
        self._slab: np.ndarray | None = None

    def weights(self) -> np.ndarray:
        """Of every sample, as its record gives it."""
        records = (self.reader.read(row, "json").get("json") for row in self.rows)
        return np.array([Sample.from_json(record).weight if record else 1.0 for record in records])  # 22 µs a sample

    def sample(self, row: int) -> Kept:
        """Array and captions of one sample, and the mask of its defects if it has any."""
        if row in self._kept:
            return self._kept[row]
        members = self.reader.read(row)
        if "json" not in members:
            raise DataError(f"{self.keys[row]}: no json beside it", "run data/curate on these shards")
        array = self.array(self.keys[row], members)
        if self._shape is None:
            self._shape = array.shape
        if array.shape != self._shape:
            raise DataError(
                f"{self.keys[row]} has the shape {array.shape}, others {self._shape}",
                "one artifact holds one size: curate or encode sizes apart",
            )
        record = Sample.from_json(members["json"]) if self.told or self.masked else None
        captions = record.captions if self.told else {}
        mask = latent_mask(record.boxes, *array.shape[-2:]) if self.masked and record.boxes else None
        # Captions as objects take about three times their json.
        if (array.nbytes + 3 * self.told * len(members["json"])) * len(self.rows) > self.limit:
            return array, captions, mask
        if self._slab is None:
            # In one piece: thousands of small arrays that stay would cut up the heap that a step's tensors come from.
            self._slab = np.empty((len(self.rows), *array.shape), array.dtype)
        place = self._slab[len(self._kept)]
        place[...] = array
        self._kept[row] = place, captions, mask
        return self._kept[row]

    @abstractmethod
    def array(self, key: str, members: dict[str, bytes]) -> np.ndarray:
        """What is kept of one sample."""

    @abstractmethod
    def tensors(self, positions: list[int], keys: list[str], seed: int, step: int) -> dict[str, Tensor]:
        """The fields of a `Batch` that these samples fill."""


class _Latents(_Store):
    masked = True

    def __init__(self, data: Path, host: Host, only: Sequence[int] | None, told: bool) -> None:
        super().__init__(data, host, only, told)
        self.mean, self.std = latents.read_statistics(data)

    def array(self, key: str, members: dict[str, bytes]) -> np.ndarray:
        """Mean and deviation, 2×C×h×w, fp16."""
        return latents.unpack(key, members.get(latents.MEMBER)).numpy()

    def tensors(self, positions: list[int], keys: list[str], seed: int, step: int) -> dict[str, Tensor]:
        arrays, _, masks = zip(*map(self.sample, positions))
        mean, std = torch.from_numpy(np.stack(arrays, axis=1)).float()
        z = mean + std * normal(seed, keys, step, mean.shape[1:], "latent")
        found = {"latents": (z - self.mean) / self.std}
        if any(mask is not None for mask in masks):
            clean = np.ones(mean.shape[-2:], np.float32)
            found["mask"] = torch.from_numpy(np.stack([clean if mask is None else mask for mask in masks]))[:, None]
        return found


class _Pictures(_Store):
    def __init__(self, data: Path, host: Host, only: Sequence[int] | None, told: bool, side: int | None) -> None:
        super().__init__(data, host, only, told)
        self.side = side

    def array(self, key: str, members: dict[str, bytes]) -> np.ndarray:
        """H×W×3, uint8."""
        return square(decode(members), self.side) if self.side else decode(members)

    def tensors(self, positions: list[int], keys: list[str], seed: int, step: int) -> dict[str, Tensor]:
        pixels = torch.from_numpy(np.stack([self.sample(row)[0] for row in positions]))
        return {"images": pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)}
