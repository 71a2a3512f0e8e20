"""Results come in the order of the tasks from any number of processes; a killed worker is one message, a killed parent
leaves none.
"""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from seedream_core.data.storage.ordered import FEW, ordered, processes
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
    monkeypatch.setattr(
        ProcessPoolExecutor,
        "submit",
        lambda self, work, *given: (submitted.append(len(given[-1])), original(self, work, *given))[1],
    )
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


def test_a_killed_parent_leaves_no_process_behind(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        """
import os, time
from seedream_core.data.storage.ordered import ordered

def work(number):
    open(f"{os.path.dirname(os.path.abspath(__file__))}/{os.getpid()}.worker", "w").write(str(os.getppid()))
    time.sleep(0.05)

if __name__ == "__main__":
    for _ in ordered(work, range(10_000), 2):
        pass
""",
        encoding="utf-8",
    )
    parent = subprocess.Popen(
        [sys.executable, str(script)], env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])}
    )
    try:
        assert until(lambda: len(list(tmp_path.glob("*.worker"))) == 2, 60) and parent.poll() is None
    finally:
        parent.kill()
        parent.wait()
    # Each worker, and the server that forked it.
    left = {int(pid) for path in tmp_path.glob("*.worker") for pid in (path.stem, path.read_text() or path.stem)}
    gone = until(lambda: not any(alive(pid) for pid in left), 10)
    for pid in () if gone else left:
        os.kill(pid, signal.SIGKILL)
    assert gone and len(left) == 3


def until(true, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not (now := true()) and time.monotonic() < end:
        time.sleep(0.05)
    return now


def alive(pid: int) -> bool:
    """Whether it runs: where nobody takes leave of orphans, they stay as zombies."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_as_many_processes_as_asked_or_as_cores():
    assert processes(3) == 3 and processes(0) == len(os.sched_getaffinity(0))
