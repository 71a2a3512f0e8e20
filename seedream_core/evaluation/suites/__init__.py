"""Suites: the prompts that every model of a comparison draws, independent of the judges.

A suite gives prompts with noise seeds, so that every model draws the same prompts from the same noise.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from seedream_core.workflow.config import Component

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class SuiteQuestion:
    """A yes-or-no question about the picture of a prompt."""

    text: str
    answer: bool
    """The answer that a right picture gives: True for yes."""


@dataclass(frozen=True)
class SuiteItem:
    """One prompt of a suite."""

    set: str
    """The part of the suite that it belongs to, such as `seen`."""
    index: int
    """Its place within that part, from 0."""
    prompt: str
    seed: int
    """Seed of the noise from which its picture starts."""
    references: tuple[Path, ...] = ()
    """Reference pictures, shown beside the drawn ones."""
    questions: tuple[SuiteQuestion, ...] = ()
    truth: Any = None
    """The content of a right picture, where the suite knows it exactly."""


@dataclass(frozen=True, kw_only=True)
class Suite(Component):
    """Contract: `items(seed, width, height)` gives the same items for the same arguments, one set after the other."""

    suffix: ClassVar[str] = "Suite"

    def items(self, seed: int, width: int, height: int) -> "Sequence[SuiteItem]":
        """The prompts; item i of a set has the noise seed `seed` + i unless the suite names another."""
        raise NotImplementedError
