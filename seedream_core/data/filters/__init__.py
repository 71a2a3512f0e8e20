"""Filters: each file looks at one decoded sample and says keep or drop, with the numbers behind it.

A filter reads a `View`, notes what it measured in `view.scores` (it goes into the kept sample's record) and returns a
`Verdict`. One that must remember samples (duplicates) gives a fresh judge from `start`, so that a config holds no state.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seedream_core.config import Component
from seedream_core.records import Sample, Verdict

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class View:
    """A sample as filters see it."""

    sample: Sample
    pixels: "np.ndarray"
    """H×W×3, uint8."""
    scores: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Filter(Component):
    """Contract: `__call__(view) -> Verdict`; a dropped sample's reason carries figures."""

    def start(self) -> Callable[[View], Verdict]:
        """The judge of one run over the data."""
        return self

    def __call__(self, view: View) -> Verdict:
        raise NotImplementedError
