"""Lets all ranks of a run begin or refuse together: rank 0 holds the folder's lock, the other ranks wait for it.

SLURM and torchrun start every rank at once. All ranks make the same checks and refuse alike. Only rank 0 can find out
whether another run holds the folder, so it writes its refusal into the folder for the others.
"""

import json
import os
import time
from pathlib import Path

from seedream_core.errors import UserError
from seedream_core.workflow.artifact import LOCK, write_atomic

REFUSED = ".refused.json"
MAX_WAIT_SECONDS = 300.0
"""Ranks of one run may start minutes apart: nodes boot, Python is imported over a network."""
POLL_SECONDS = 0.2
_SLURM = ("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT")
_TORCHRUN = ("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "MASTER_ADDR", "MASTER_PORT")


def launch() -> str:
    """An id of this start, the same in all its ranks; empty where Lightning starts the other ranks, because it does so
    after rank 0 has begun.
    """
    names = [*_SLURM, *(_TORCHRUN if "RANK" in os.environ else ())]
    parts = [os.environ.get(name, "") for name in names]
    if os.environ.get("GROUP_WORLD_SIZE") == "1":  # torchrun on one node: its run id is `none` unless one is given
        parts.append(str(os.getppid()))
    return ".".join(parts) if any(parts) else ""


def lead(out: Path) -> None:
    """Called by rank 0 when it holds the lock and refuses nothing: the other ranks may begin."""
    (out / REFUSED).unlink(missing_ok=True)
    (out / LOCK).write_text(f"{os.getpid()}\n{launch()}")


def refuse(out: Path, error: UserError) -> None:
    """Called by rank 0 when it cannot begin: write the reason for the other ranks, if there are any."""
    if launch():
        write_atomic(out / REFUSED, json.dumps([launch(), error.message, error.fix]))


def follow(out: Path) -> None:
    """Wait until rank 0 has begun; UserError with its reason where it refuses, or after MAX_WAIT_SECONDS."""
    mine, last = launch(), time.monotonic() + MAX_WAIT_SECONDS
    while mine and mine not in _lines(out / LOCK)[1:]:
        if (refusal := _refusal(out / REFUSED)) and refusal[0] == mine:
            raise UserError(*refusal[1:])
        if time.monotonic() > last:
            raise UserError(
                f"{out}: rank 0 has not begun within {MAX_WAIT_SECONDS:g} s", "see the output of rank 0 for the reason"
            )
        time.sleep(POLL_SECONDS)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n") if path.is_file() else []


def _refusal(path: Path) -> list[str] | None:
    return json.loads(path.read_bytes()) if path.is_file() else None
