"""The one loader: batches as a pure function of the step, the same rows on any number of ranks and workers.

A store reads samples, a schedule says which ones a step takes, and `Batches` shares them out over ranks and parts.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from tokenizers import Tokenizer
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from seedream_core.data.loading.caption_mix import CaptionMix
from seedream_core.data.loading.passes import Passes
from seedream_core.data.loading.schedules import Schedule, Shuffled, Weighted
from seedream_core.data.loading.stores import LatentStore, PictureStore, ShardStore, Store, TextStore
from seedream_core.data.loading.twins import TwinStore
from seedream_core.data.loading.weights import WeightedOrder, capped
from seedream_core.errors import UserError
from seedream_core.records import Batch
from seedream_core.workflow.host import Host, Train


def micro_batches(train: Train, host: Host) -> int:
    """Number of equal parts into which a rank's share of a step is split, so that no part exceeds the host's
    micro-batch.
    """
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
    """Batches from `first_step` to the last step of `train`."""

    def __init__(self, store: Store, schedule: Schedule, *, train: Train, host: Host = Host()) -> None:
        super().__init__()
        self.store, self.schedule, self.train, self.host = store, schedule, train, host
        self.first_step = 0
        self.parts = micro_batches(train, host)

    def __len__(self) -> int:
        """Samples of an epoch."""
        return len(self.schedule)

    @property
    def samples_at_once(self) -> int:
        """Samples of one micro-batch of one device."""
        return self.train.global_batch // (self.host.devices * self.host.nodes * self.parts)

    def batch(self, step: int, rank: int = 0, ranks: int = 1, part: int = 0, parts: int = 1) -> Batch:
        """The rows of `step` for this rank, or one of its `parts` equal micro-batches."""
        mine = self.schedule.rows(step)[rank::ranks]
        size = len(mine) // parts
        return self.store.batch(mine[part * size : (part + 1) * size], step)

    def train_dataloader(self) -> DataLoader:
        rank, ranks = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        if ranks != self.host.devices * self.host.nodes:
            raise UserError(
                f"{ranks} processes train, but the host file says {self.host.devices} devices "
                f"on {self.host.nodes} nodes"
            )
        # batch_size=None: an item is already a whole batch; workers deliver them in turn, in our order.
        return DataLoader(
            _Steps(self, self.first_step, rank, ranks),
            batch_size=None,
            num_workers=self.host.workers,
            persistent_workers=self.host.workers > 0,
            # page-locked memory lets the copy to a GPU overlap with the previous step
            pin_memory=self.host.accelerator != "cpu" and torch.cuda.is_available(),
        )

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, index: int) -> Batch:
        return batch.to(device, non_blocking=True)


class _Steps(IterableDataset):
    """Yields micro-batches in order; worker w of W makes every W-th one."""

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


def latent_batches(data: Path, *, train: Train, host: Host = Host(), **options: Any) -> Batches:
    """Latents of an artifact, sampled by their records' weights; `options` are those of `ShardStore`."""
    return _weighted(LatentStore(data, seed=train.seed, workers=host.workers, **options), train, host)


def picture_batches(data: Path, *, train: Train, host: Host = Host(), **options: Any) -> Batches:
    """Pictures of an artifact, sampled by their records' weights; `options` are those of `PictureStore`."""
    return _weighted(PictureStore(data, seed=train.seed, workers=host.workers, **options), train, host)


def text_batches(texts: Sequence[str], *, train: Train, host: Host = Host()) -> Batches:
    """Texts, each once per epoch."""
    return Batches(TextStore(texts), Shuffled(train.seed, len(texts), train.global_batch), train=train, host=host)


def twin_batches(
    data: Path,
    main_captions: Sequence[str],
    tokenizer: Tokenizer,
    *,
    train: Train,
    captions: CaptionMix,
    host: Host,
    side: int,
    group: int,
    only: Sequence[int],
) -> Batches:
    """Square pictures with captions, in runs of `group` similar ones: the samples at the positions `only`, whose main
    captions are `main_captions`.

    An epoch is one pass, with each sample at most once: all of them if weights are equal, and none of weight 0. A batch
    across two passes may contain one sample twice; the two are then not used as negatives of each other.
    """
    store = TwinStore(data, side=side, seed=train.seed, captions=captions, workers=host.workers, only=only)
    words = [encoding.ids for encoding in tokenizer.encode_batch(main_captions, add_special_tokens=False)]
    passes = Passes(train.seed, main_captions, words, capped(store.weights()), group, train.global_batch)
    return Batches(store, passes, train=train, host=host)


def _weighted(store: ShardStore, train: Train, host: Host) -> Batches:
    expected = capped(store.weights())
    if (expected == 1).all():
        schedule: Schedule = Shuffled(train.seed, len(store), train.global_batch)
    else:
        schedule = Weighted(WeightedOrder(train.seed, expected), train.global_batch)
    return Batches(store, schedule, train=train, host=host)
