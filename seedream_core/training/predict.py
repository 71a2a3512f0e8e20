"""Prediction on all ranks of a host: each rank computes its share of the items, the leading rank writes in order.

Item i is computed by rank i % ranks. After each round the leading rank gathers the results and hands them to `write`
one after the other, so files come out the same on any number of ranks, and a killed run goes on where its files end.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from torch import distributed
from torch.utils.data import DataLoader, IterableDataset

from seedream_core.training.fit import quiet, trainer_for
from seedream_core.workflow.host import Host

Item = TypeVar("Item")
Read = TypeVar("Read")
State = TypeVar("State")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Prediction(Generic[Item, State, Read, Result]):
    """How one item is predicted. Results are pickled between ranks of one run: bytes, numbers and arrays."""

    prepare: Callable[[torch.device], State]
    """Loads what answers need onto this rank's device, once."""
    read: Callable[[Item], Read]
    """Reads an item on the CPU, in a thread, while the one before is computed."""
    answer: Callable[[State, Read], Result]
    """Computes the result of what was read."""


def predict(
    prediction: Prediction[Item, Any, Any, Result],
    plan: Callable[[], Sequence[Item]],
    write: Callable[[Item, Result], None],
    host: Host,
) -> None:
    """Predict every item of `plan()` and `write` the results in order.

    `plan` and `write` are called on the leading rank alone. The other ranks end here, with exit code 0.
    """
    host.limit_threads()
    with quiet():
        # each network decides on its own autocast
        trainer = trainer_for(host, precision="32-true", callbacks=[_InOrder(write)])
        try:
            trainer.predict(_Predictor(prediction), datamodule=_Items(prediction, plan), return_predictions=False)
        except SystemExit:
            if trainer.interrupted:  # Lightning turns Ctrl-C into an exit code without a message
                raise KeyboardInterrupt from None
            raise
    if distributed.is_initialized():  # else torchmetrics would wait on the leading rank for those that ended
        distributed.destroy_process_group()
    if not trainer.is_global_zero:
        raise SystemExit(0)


class _Predictor(LightningModule):
    def __init__(self, prediction: Prediction) -> None:
        super().__init__()
        self.prediction = prediction

    def on_predict_start(self) -> None:
        self.state = self.prediction.prepare(self.device)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        return batch  # `answer` moves what it needs

    def predict_step(self, read: Any, index: int) -> Any:
        return None if read is None else self.prediction.answer(self.state, read)


class _Items(LightningDataModule):
    """The leading rank's plan, known to every rank; each reads its own items."""

    def __init__(self, prediction: Prediction, plan: Callable[[], Sequence]) -> None:
        super().__init__()
        self.prediction, self.plan = prediction, plan
        self.items: list = []

    def setup(self, stage: str) -> None:
        trainer = self.trainer
        self.items = trainer.strategy.broadcast(list(self.plan()) if trainer.is_global_zero else None)

    def predict_dataloader(self) -> DataLoader:
        dataset = _Share(self.items, self.prediction.read, self.trainer.global_rank, self.trainer.world_size)
        return DataLoader(dataset, batch_size=None, collate_fn=_as_it_is)


class _Share(IterableDataset):
    """What rank `rank` reads: items rank, rank + ranks, …; None fills the last round, so that all ranks take part."""

    def __init__(self, items: Sequence, read: Callable, rank: int, ranks: int) -> None:
        self.items, self.read, self.rank, self.ranks = items, read, rank, ranks

    def __len__(self) -> int:
        return -(-len(self.items) // self.ranks)

    def __iter__(self) -> Iterator:
        own = range(self.rank, len(self) * self.ranks, self.ranks)
        with ThreadPoolExecutor(1) as ahead:
            pending = None
            for index in own:
                following = ahead.submit(self._item, index)
                if pending is not None:
                    yield pending.result()
                pending = following
            if pending is not None:
                yield pending.result()

    def _item(self, index: int) -> Any:
        return self.read(self.items[index]) if index < len(self.items) else None


def _as_it_is(read: Any) -> Any:
    """Items are read whole: nothing is to be stacked or made a tensor."""
    return read


class _InOrder(Callback):
    """Gathers each round's results on the leading rank and writes them in the order of the items."""

    def __init__(self, write: Callable[[Any, Any], None]) -> None:
        self.write = write

    def on_predict_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, batch_idx: int, *_: Any
    ) -> None:
        results = [outputs]
        if trainer.world_size > 1:
            results = [None] * trainer.world_size if trainer.is_global_zero else None
            distributed.gather_object(outputs, results)
        if trainer.is_global_zero:
            items = trainer.datamodule.items
            for offset, result in enumerate(results):
                index = batch_idx * trainer.world_size + offset
                if index < len(items):
                    self.write(items[index], result)
