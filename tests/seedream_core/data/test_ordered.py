"""Results come in the order of the tasks from any number of processes, and a killed process is one message."""

import os
import signal
from concurrent.futures import ProcessPoolExecutor

import pytest

from seedream_core.data.ordered import FEW, ordered, processes
from seedream_core.errors import UserError


def square(number: int) -> int:
    return number * number


def die(number: int) -> int:
    if number == 40:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def held(number: int) -> list[int]:
    return [number] * 10


def test_large_results_wait_only_a_few_at_once(monkeypatch):
    submitted = []
    original = ProcessPoolExecutor.submit
    monkeypatch.setattr(ProcessPoolExecutor, "submit", lambda self, work, *given: (submitted.append(len(given[-1])), original(self, work, *given))[1])
    results = ordered(held, range(40), 2, at_once=1)
    assert next(results) == [0] * 10 and submitted == [1] * 7
    assert list(results) == [held(number) for number in range(1, 40)]
    submitted.clear()
    assert len(list(ordered(held, range(16), 2, at_once=1))) == 16 and not submitted


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 5, 3 * FEW + 7])
def test_order_is_kept(workers, count):
    assert list(ordered(square, range(count), workers)) == [square(number) for number in range(count)]


def test_a_killed_process_is_said_and_nothing_hangs():
    with pytest.raises(UserError, match="worker process was killed"):
        list(ordered(die, range(300), 2))


def test_as_many_processes_as_asked_or_as_cores():
    assert processes(3) == 3 and processes(0) == len(os.sched_getaffinity(0))
