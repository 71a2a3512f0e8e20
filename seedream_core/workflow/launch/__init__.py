"""Launchers: start a recipe's steps in this process, as child processes, or through SLURM."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from seedream_core.workflow.config import Component


@dataclass(frozen=True)
class Job:
    """One step to start: `command` is what a person would type, `after` the jobs that must succeed first."""

    name: str
    stage: Any
    folder: Path
    command: tuple[str, ...]
    host: Any
    say: Callable[[str], Any]
    after: tuple[str, ...] = ()


class Launcher(Component):
    """A way to start a job."""

    waits: ClassVar[bool] = True
    """Whether `start` returns only after the step has ended."""

    def start(self, job: Job) -> str | None:
        """Start the job and return the id by which later jobs wait for it; StepFailed if it fails."""
        raise NotImplementedError


def rerun(job: Job) -> str:
    """The command that reruns a failed step, as a sentence."""
    return f"rerun it by hand with\n  {shlex.join(job.command)}"
