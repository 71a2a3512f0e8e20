"""Which samples train at which step: pure functions of the step, which `Batches` is given.

Sample i of a run is place i % n of epoch i // n, where an epoch has n places; step s takes the samples s·G ... (s+1)·G,
whatever the number of ranks. So a resumed run goes on from its step alone. (Lightning, torchdata and webdataset keep
loader state, which other projects lost on the second resume.)
"""

from abc import ABC, abstractmethod

import numpy as np
import torch

from seedream_core.data.loading.weights import WeightedOrder
from seedream_core.randomness import generator


class Schedule(ABC):
    """Contract: the rows of a store in the order of each epoch."""

    def __init__(self, global_batch: int) -> None:
        self.global_batch = global_batch
        self._last: tuple[int, np.ndarray] | None = None

    @abstractmethod
    def __len__(self) -> int:
        """Places of an epoch."""

    @abstractmethod
    def order(self, epoch: int) -> np.ndarray:
        """The row at each place of an epoch, `len(self)` integers; a pure function."""

    def rows(self, step: int) -> list[int]:
        """Rows of one step, over all ranks; the epoch's order is remembered until another one is asked for."""
        found: list[int] = []
        while len(found) < self.global_batch:
            epoch, place = divmod(step * self.global_batch + len(found), len(self))
            if self._last is None or self._last[0] != epoch:
                self._last = epoch, self.order(epoch)
            found += self._last[1][place : place + self.global_batch - len(found)].tolist()
        return found


class Shuffled(Schedule):
    """Each row once per epoch, in an order of its own."""

    def __init__(self, seed: int, count: int, global_batch: int) -> None:
        super().__init__(global_batch)
        self.seed, self.count = seed, count

    def __len__(self) -> int:
        return self.count

    def order(self, epoch: int) -> np.ndarray:
        return permutation(self.seed, epoch, self.count)


class Weighted(Schedule):
    """Each row as often per epoch as its weight says."""

    def __init__(self, weighted: WeightedOrder, global_batch: int) -> None:
        super().__init__(global_batch)
        self.weighted = weighted

    def __len__(self) -> int:
        return len(self.weighted.expected)

    def order(self, epoch: int) -> np.ndarray:
        taken = self.weighted.slots(epoch).astype(np.int32)
        return taken[permutation(self.weighted.seed, epoch, len(self))]


def permutation(seed: int, epoch: int, count: int) -> np.ndarray:
    """The order of `count` samples in an epoch; 4 bytes each."""
    drawn = torch.randperm(count, generator=generator(seed, "order", epoch, "order"))
    return drawn.to(torch.int32).numpy()
