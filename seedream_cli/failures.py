"""Turns exceptions into messages: a user's mistake prints one message with its fix, a bug prints a traceback."""

import typer
from typer.core import TyperGroup

INTERRUPTED = 130


class Group(TyperGroup):
    """Catches the exceptions of every command."""

    def invoke(self, ctx: typer.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("stopped", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except Exception as problem:
            from seedream_core.errors import UserError

            if not isinstance(problem, UserError):
                raise
            typer.echo(str(problem), err=True)
            raise typer.Exit(problem.exit_code) from None
