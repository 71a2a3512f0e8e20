"""Engines: work on many samples spread over processes, or over machines, its results in the order of the tasks.

What a stage makes does not depend on its engine: `work` is a function of its task alone, and results come in order.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from seedream_core.data.storage.ordered import CHUNK
from seedream_core.workflow.config import Component, Config
from seedream_core.workflow.host import FREE


class Engine(Component):
    """Contract: `engine(work, tasks, workers)` yields `work(task)` of every task, in order; 0 workers means all there
    are.

    A few chunks of `at_once` tasks per worker are under way, however many tasks there are. `work` and tasks must be
    picklable.
    """

    suffix: ClassVar[str] = "Engine"

    def __call__(
        self, work: Callable[[Any], Any], tasks: Sequence[Any], workers: int, at_once: int = CHUNK
    ) -> Iterator[Any]:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Spread(Config):
    """What every stage has that works on each sample by itself."""

    engine: Engine = field(default_factory=lambda: Engine.find("pool")(), metadata=FREE)
    "what the work is spread over: pool, the processes of this machine, or ray, a cluster; the same bytes come of each"
