"""Scorers: each file measures samples and stores scores, boxes or features; filters decide by these and never measure.

A scorer runs only on the samples that are still in the funnel when the first filter that needs it is run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.workflow.config import Component

Score = Callable[[Sequence[LazySample]], None]


@dataclass(frozen=True, kw_only=True)
class Scorer(Component):
    """Contract: `start(models)`, called once per process, gives a function that scores a chunk of samples in place;
    chunk size does not matter.
    """

    suffix: ClassVar[str] = "Scorer"

    gives: ClassVar[tuple[str, ...]]
    """Names of the scores and features that it computes; `boxes` if filters may ask for its boxes by that name."""
    reads: ClassVar[str] = "pixels"
    """The most expensive of `record`, `thumbnail` and `pixels` that it reads."""

    def start(self, models: Mapping[str, Path]) -> Score:
        """`models` are the stage's artifacts by field name; UserError if a required one is missing."""
        raise NotImplementedError

    @classmethod
    def giving(cls, name: str) -> "Scorer | None":
        """The first scorer that computes `name`, with default options; None if there is none."""
        return next((member() for member in map(cls.find, cls.names()) if name in member.gives), None)
