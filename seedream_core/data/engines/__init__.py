"""Engines: work on many samples spread over processes, or over machines, its results in the order of the tasks.

What a stage makes does not depend on its engine: `work` is a function of its task alone, and results come in order.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from seedream_core.config import Component


class Engine(Component):
    """Contract: `engine(work, tasks, workers)` yields `work(task)` of every task, in order; 0 workers means all there are.

    A few chunks per worker are under way at once, however many tasks there are. `work` and tasks must be picklable.
    """

    def __call__(self, work: Callable[[Any], Any], tasks: Sequence[Any], workers: int) -> Iterator[Any]:
        raise NotImplementedError
