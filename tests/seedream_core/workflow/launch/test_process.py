"""A step as a child process ends with it, and Ctrl-C reaches the child once."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seedream_core.errors import Interrupted, StepFailed
from seedream_core.workflow.host import Host
from seedream_core.workflow.launch import Job
from seedream_core.workflow.launch.process import Process

PARENT = """
import sys
from pathlib import Path
from seedream_core.errors import Interrupted
from seedream_core.workflow.host import Host
from seedream_core.workflow.launch import Job
from seedream_core.workflow.launch.process import Process
try:
    Process().start(Job("base", None, Path("."), (sys.executable, "-c", sys.argv[1]), Host(), print))
except Interrupted as error:
    print(error)
    sys.exit(error.exit_code)
"""
CHILD = """
import os, pathlib, time
pathlib.Path("pid").write_text(str(os.getpid()))
try:
    time.sleep(60)
except KeyboardInterrupt:
    with open("interrupts", "a") as file:
        file.write("x")
    time.sleep(0.2)
    with open("interrupts", "a") as file:
        file.write("saved")
"""


def start(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[4])}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    return parent, int((tmp_path / "pid").read_text())


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid):
    try:
        # a zombie that nobody has reaped yet is as good as gone
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_bad_end_is_a_failed_step_with_its_line(capfd):
    job = Job("base", None, Path("."), (sys.executable, "-c", "import sys; print('deep'); sys.exit(3)"), Host(), print)
    with pytest.raises(StepFailed, match="step base failed .exit code 3"):
        Process().start(job)
    assert "deep" in capfd.readouterr().out


def test_a_child_that_was_stopped_in_time_did_not_fail():
    job = Job("base", None, Path("."), (sys.executable, "-c", "import sys; sys.exit(75)"), Host(), print)
    with pytest.raises(Interrupted, match="stopped in step base"):
        Process().start(job)


def test_ctrl_c_on_the_whole_terminal_lets_the_child_save_once(tmp_path):
    parent, child = start(tmp_path)
    os.killpg(parent.pid, signal.SIGINT)
    said, _ = parent.communicate(timeout=30)
    assert parent.returncode == 130 and said.startswith("stopped in step base")
    assert (tmp_path / "interrupts").read_text() == "xsaved" and not alive(child)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_a_killed_parent_leaves_no_child_behind(tmp_path):
    parent, child = start(tmp_path)
    parent.kill()
    parent.communicate(timeout=30)
    wait_for(lambda: not alive(child))
