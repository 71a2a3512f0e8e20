"""Launcher that runs each step as a child process, with the command that a person would type. Ctrl-C is passed on to
the child, which saves its work and stops.
"""

import ctypes
import os
import signal
import subprocess
import sys
from dataclasses import dataclass

from seedream_core.errors import STOPPED, Interrupted, StepFailed
from seedream_core.workflow.launch import Job, Launcher, rerun


@dataclass(frozen=True, kw_only=True)
class Process(Launcher):
    def start(self, job: Job) -> None:
        # its own process group, so that Ctrl-C on the terminal reaches the child once, through this process
        child = subprocess.Popen(job.command, stdin=subprocess.DEVNULL, process_group=0, preexec_fn=_end_with_parent)
        try:
            code = child.wait()
        except KeyboardInterrupt:
            os.killpg(child.pid, signal.SIGINT)
            try:
                child.wait()
            except KeyboardInterrupt:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
            raise _interrupted(job) from None
        if code in (STOPPED, Interrupted.exit_code):
            raise _interrupted(job)
        if code:
            ended = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"failed (exit code {code})"
            raise StepFailed(f"step {job.name} {ended}", rerun(job))


def _interrupted(job: Job) -> Interrupted:
    return Interrupted(f"stopped in step {job.name}", "the same command goes on from there")


def _end_with_parent() -> None:
    if sys.platform == "linux":
        # without this, the child of a killed `seedream run` would train on and keep the folder locked
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
