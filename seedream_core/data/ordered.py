"""Work spread over processes, its results in the order of the work: the same on one process or many."""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

from seedream_core.errors import UserError

Task = TypeVar("Task")
Result = TypeVar("Result")
CHUNK = 16
FEW = 4 * CHUNK
"""So few tasks are done before a second process has started."""


def ordered(work: Callable[[Task], Result], tasks: Sequence[Task], workers: int) -> Iterator[Result]:
    """`work` of every task, in order; a few chunks per process are under way at once, however many tasks there are."""
    if workers <= 1 or len(tasks) <= FEW:
        yield from map(work, tasks)
        return
    chunks = (list(tasks[start:start + CHUNK]) for start in range(0, len(tasks), CHUNK))
    # Not fork: threads of this process (progress, torch) would leave their locks held in the child.
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start) as pool:
        def submit(count: int) -> Iterable:
            return [pool.submit(each, work, chunk) for chunk in islice(chunks, count)]

        under_way = deque(submit(3 * workers))
        try:
            while under_way:
                results = under_way.popleft().result()
                under_way.extend(submit(1))
                yield from results
        except BrokenProcessPool:
            raise UserError("a worker process was killed, most likely for memory",
                            "set fewer `workers` in the host file; the same command goes on from the last whole shard") from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def processes(asked: int) -> int:
    """As many as the host asks for; unless it says, one for each core that this process may use."""
    return asked or len(os.sched_getaffinity(0))


def each(work: Callable[[Task], Result], chunk: Sequence[Task]) -> list[Result]:
    """A chunk of the work."""
    return [work(task) for task in chunk]


def _start() -> None:
    # The terminal sends Ctrl-C to the whole group: the parent alone decides what comes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
