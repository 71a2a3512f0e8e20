"""Errors that a user can cause. The command line prints each as one message with its fix, without a traceback."""

from collections.abc import Sequence
from dataclasses import dataclass


class UserError(Exception):
    """A mistake a person can mend: what is wrong, and the fix if there is one to name."""

    exit_code = 1

    def __init__(self, message: str, fix: str = ""):
        super().__init__(f"{message}\n  fix: {fix}" if fix else message)
        self.message = message
        self.fix = fix


@dataclass(frozen=True)
class Problem:
    """One wrong thing in a config: where it stands and why it is wrong."""

    file: str
    line: int | None
    key: str
    message: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (where, self.key, self.message) if part)


class ConfigError(UserError):
    """Everything wrong with a config or a recipe, all of it at once."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]):
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class DataError(UserError):
    """Damaged input beyond its budget, or an artifact that is not what was asked for."""


class NothingMade(DataError):
    """A stage went through all of its input and nothing came of it; its folder may begin anew with other options."""


class Interrupted(UserError):
    """Stopped by the user; what was done so far is kept."""

    exit_code = 130


STOPPED = 75
"""Exit code (EX_TEMPFAIL) of a stage that a signal stopped where it can go on: what a scheduler may requeue on."""


class Stopped(Interrupted):
    """A signal asked a stage to end, and it has ended where it can go on."""

    exit_code = STOPPED


class StepFailed(UserError):
    """A step of a recipe ended badly; the message holds the line that reruns it."""
