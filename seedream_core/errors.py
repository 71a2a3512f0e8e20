"""Errors that a user can cause. The command line prints each as one message with its fix, without a traceback."""

from collections.abc import Sequence
from dataclasses import dataclass


class UserError(Exception):
    """A mistake that the user can correct: what is wrong, and a fix if there is one."""

    exit_code = 1

    def __init__(self, message: str, fix: str = ""):
        super().__init__(f"{message}\n  fix: {fix}" if fix else message)
        self.message = message
        self.fix = fix


@dataclass(frozen=True)
class Problem:
    """One problem of a config: its place and its reason."""

    file: str
    line: int | None
    key: str
    message: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (where, self.key, self.message) if part)


class ConfigError(UserError):
    """All problems of a config or a recipe in one error."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]):
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class DataError(UserError):
    """More damaged input than the budget allows, or an artifact of the wrong kind."""


class NothingMade(DataError):
    """A stage processed all of its input and made nothing; its folder may be used again with other options."""


class Interrupted(UserError):
    """Stopped by the user; what was done so far is kept."""

    exit_code = 130


STOPPED = 75
"""Exit code (EX_TEMPFAIL) of a stage that a signal stopped and that can be continued; a scheduler may requeue on it."""


class Stopped(Interrupted):
    """A signal stopped a stage at a point from which it can continue."""

    exit_code = STOPPED


class StepFailed(UserError):
    """A step of a recipe failed; the message gives the command that reruns it."""
