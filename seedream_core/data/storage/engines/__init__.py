"""Engines: run work on many samples in several processes or on several machines, and yield the results in the order of
the tasks.

The output of a stage does not depend on its engine: `work` is a function of its task only, and results arrive in order.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from seedream_core.data.storage.ordered import CHUNK
from seedream_core.workflow.config import Component, Config
from seedream_core.workflow.host import FREE


class Engine(Component):
    """Contract: `engine(work, tasks, workers)` yields `work(task)` for every task, in order; 0 workers means one per
    available core.

    Only a few chunks of `at_once` tasks per worker are in progress at a time, however many tasks there are. `work` and
    tasks must be picklable.
    """

    suffix: ClassVar[str] = "Engine"

    def __call__(
        self, work: Callable[[Any], Any], tasks: Sequence[Any], workers: int, at_once: int = CHUNK
    ) -> Iterator[Any]:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Spread(Config):
    """Option of every stage that processes samples independently."""

    engine: Engine = field(default_factory=lambda: Engine.find("pool")(), metadata=FREE)
    """where the work runs: pool (processes on this machine) or ray (a cluster); the output is the same, byte for byte
    """
