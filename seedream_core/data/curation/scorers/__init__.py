"""Scorers: each file measures samples and notes what it found; filters judge by that, and never measure.

A scorer notes scores, boxes or features in the views it is given. It runs only on views that are still in the funnel
when the first filter that needs it is asked.
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
    """Contract: `start(models)` once per process gives what scores a chunk of views in place, alike at any chunking."""

    suffix: ClassVar[str] = "Scorer"

    gives: ClassVar[tuple[str, ...]]
    """Names of the scores and features it notes; `boxes` where its boxes are those that filters ask for by that
    name.
    """
    reads: ClassVar[str] = "pixels"
    """The dearest of `record`, `thumbnail` and `pixels` that it looks at."""

    def start(self, models: Mapping[str, Path]) -> Score:
        """`models` are the stage's artifacts by field; UserError where the one that is needed is not among them."""
        raise NotImplementedError

    @classmethod
    def giving(cls, name: str) -> "Scorer | None":
        """The first scorer that notes `name`, with its defaults; None where there is none."""
        return next((member() for member in map(cls.find, cls.names()) if name in member.gives), None)
