"""The command `seedream run`: chooses the launcher and prints the table at the end."""

from dataclasses import replace
from pathlib import Path

import typer

from seedream_core.errors import UserError
from seedream_core.workflow import execute
from seedream_core.workflow.launch.slurm import Slurm
from seedream_core.workflow.recipe import Recipe


def run(
    loaded: Recipe,
    host: Path | None,
    start: str | None,
    only: str | None,
    redo: list[str],
    *,
    slurm: bool,
    print_only: bool,
) -> None:
    """Run the steps that are not done, as child processes or as SLURM jobs."""
    if print_only and not slurm:
        raise UserError("--print-only goes with --slurm", "to see the plan of a run, use --dry-run")
    launcher = None
    if slurm:
        given = execute.read_host(host).launch
        launcher = given if isinstance(given, Slurm) else Slurm()
        launcher = replace(launcher, submit=launcher.submit and not print_only)
    started = execute.recipe(
        loaded, host_file=host, start=start, only=only, redo=redo, launcher=launcher, say=typer.echo
    )
    if started and not slurm:
        from seedream_cli import show

        show.status(loaded)
