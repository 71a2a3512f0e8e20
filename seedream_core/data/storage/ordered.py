"""Runs work on several processes and yields results in order: the same output on one process or many."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import connection
from typing import TypeVar

from seedream_core.errors import UserError

Task = TypeVar("Task")
Result = TypeVar("Result")
CHUNK = 16
FEW = 4 * CHUNK
"""Number of tasks that are done in this process before worker processes are started."""


def ordered(
    work: Callable[[Task], Result], tasks: Sequence[Task], workers: int, at_once: int = CHUNK
) -> Iterator[Result]:
    """Yields `work(task)` of every task, in order; only a few chunks per process are in progress at a time.

    A chunk is `at_once` tasks: use fewer if each takes long or has a large result.
    """
    if workers <= 1 or len(tasks) <= min(FEW, 16 * at_once):
        yield from map(work, tasks)
        return
    chunks = (list(tasks[start : start + at_once]) for start in range(0, len(tasks), at_once))
    # Not fork: locks held by threads of this process (progress, torch) would stay locked in the child.
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
            raise UserError(
                "a worker process was killed, most likely for memory",
                "set fewer `workers` in the host file; the same command resumes after the last complete shard",
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def processes(asked: int) -> int:
    """Number of processes: as the host file says, otherwise one per core that this process may use."""
    return asked or len(os.sched_getaffinity(0))


def each(work: Callable[[Task], Result], chunk: Sequence[Task]) -> list[Result]:
    """Runs the work on one chunk."""
    return [work(task) for task in chunk]


def _start() -> None:
    # One process per core, each with one thread per core, would slow each other down.
    os.environ["OMP_NUM_THREADS"] = "1"
    # The terminal sends Ctrl-C to the whole process group: only the parent handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_outlive_nobody, daemon=True).start()


def _outlive_nobody() -> None:
    # If the parent is killed, workers would wait for ever on the pool's queues, which every worker
    # keeps open.
    connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)
