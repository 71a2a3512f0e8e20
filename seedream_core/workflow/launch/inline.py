"""Launcher that runs each step in this process, for tests and debuggers."""

from dataclasses import dataclass

from seedream_core.errors import Interrupted, StepFailed, UserError
from seedream_core.workflow.launch import Job, Launcher, rerun


@dataclass(frozen=True, kw_only=True)
class Inline(Launcher):
    def start(self, job: Job) -> None:
        from seedream_core.workflow import execute

        try:
            execute.step(job.stage, job.folder, job.host, say=job.say)
        except Interrupted:
            raise Interrupted(f"stopped in step {job.name}", "the same command goes on from there") from None
        except UserError as error:
            raise StepFailed(f"step {job.name} failed: {error}", rerun(job)) from error
