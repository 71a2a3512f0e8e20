"""Launcher that submits each step as an sbatch script, chained by `afterok`; a requeued job resumes its partial
folder.
"""

import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Ge

from seedream_core.errors import STOPPED, UserError
from seedream_core.workflow.artifact import write_atomic
from seedream_core.workflow.launch import Job, Launcher

THREADS = 8
"""Cores for a process whose host file names no `threads`."""


@dataclass(frozen=True, kw_only=True)
class Slurm(Launcher):
    waits: ClassVar[bool] = False

    partition: str | None = None
    "queue to submit to"
    account: str | None = None
    "account to charge"
    time: str = "24:00:00"
    "wall-clock limit of one job"
    cpus: Annotated[int, Ge(1)] | None = None
    "CPU cores per process; none: the host's `threads` (8 if it has none) and one for each of its `workers`"
    lines: tuple[str, ...] = ()
    "shell lines before the command, such as `module load cuda`"
    submit: bool = True
    "false writes the scripts and prints the lines that submit them"

    def start(self, job: Job) -> str:
        script = job.folder / "logs" / f"{job.name}.sbatch"
        write_atomic(script, self.script(job))
        chain = ("--dependency=afterok:" + ":".join(job.after),) if job.after else ()
        if not self.submit:
            # job ids are shell variables, so that the printed lines can be pasted into a shell
            job.say(
                f"{job.name}=$(sbatch --parsable {''.join(f'{option} ' for option in chain)}{shlex.quote(str(script))})"
            )
            return f"${job.name}"
        command = ["sbatch", "--parsable", *chain, str(script)]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError:
            raise UserError("sbatch: no such command", "run on a SLURM login node, or set `submit: false`") from None
        if done.returncode:
            raise UserError(f"{shlex.join(command)} failed: {done.stderr.strip()}")
        identity = done.stdout.strip().partition(";")[0]
        job.say(f"{job.name}: job {identity}")
        return identity

    def script(self, job: Job) -> str:
        """The script's text, which people can read as well."""
        cpus = self.cpus or (job.host.threads or THREADS) + job.host.workers
        nodes, devices = (job.host.nodes, job.host.devices) if job.stage.distributed else (1, 1)
        options = {
            "job-name": f"seedream-{job.name}",
            "partition": self.partition,
            "account": self.account,
            "time": self.time,
            "nodes": nodes,
            "ntasks-per-node": devices,
            "cpus-per-task": cpus,
            "gpus-per-node": None if job.host.accelerator == "cpu" else devices,
            "chdir": Path.cwd(),
            "output": job.folder / "logs" / "slurm-%j.out",
        }
        head = [f"#SBATCH --{name}={shlex.quote(str(value))}" for name, value in options.items() if value is not None]
        # requeue: a step that lost its node goes on from its last checkpoint
        head += ["#SBATCH --requeue", "#SBATCH --open-mode=append"]
        # so does one whose time is about to end: SLURM signals it before
        head += ["#SBATCH --signal=USR1@120"]
        # Since SLURM 22.05 srun does not inherit the job's cores per task. A rank that fails must end the others,
        # which would wait for it; a rank that a signal stopped must not, so it exits with 0 and leaves a file.
        srun = f"srun --kill-on-bad-exit=1 --cpus-per-task={cpus}"
        rank = f'"$@" || {{ code=$?; [ $code -eq {STOPPED} ] || exit $code; touch "$0"; }}'
        return "\n".join(
            [
                "#!/bin/bash",
                *head,
                "",
                "set -euo pipefail",
                *self.lines,
                f"stopped={shlex.quote(str(job.folder / 'logs' / 'stopped'))}-$SLURM_JOB_ID",
                'rm -f "$stopped"',
                f'{srun} bash -c {shlex.quote(rank)} "$stopped" {shlex.join(job.command)}',
                'if [ -e "$stopped" ]; then',
                '  rm "$stopped"',
                '  scontrol requeue "$SLURM_JOB_ID"',
                f"  exit {STOPPED}",
                "fi",
                "",
            ]
        )
