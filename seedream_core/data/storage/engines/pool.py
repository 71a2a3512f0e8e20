"""Engine that runs work in processes of this machine (the default)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from seedream_core.data.storage.engines import Engine
from seedream_core.data.storage.ordered import CHUNK, ordered, processes


@dataclass(frozen=True, kw_only=True)
class PoolEngine(Engine):
    def __call__(
        self, work: Callable[[Any], Any], tasks: Sequence[Any], workers: int, at_once: int = CHUNK
    ) -> Iterator[Any]:
        return ordered(work, tasks, processes(workers), at_once)
