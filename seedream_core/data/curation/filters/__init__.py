"""Filters: each file decides whether to keep or drop a sample, from its record and the results of scorers; the reason
gives the numbers.
"""

from dataclasses import dataclass
from typing import ClassVar

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.records import Verdict
from seedream_core.workflow.config import Component

__all__ = ["Filter", "LazySample", "Verdict"]


@dataclass(frozen=True, kw_only=True)
class Filter(Component):
    """Contract: `__call__(view) -> Verdict`, a pure function; the reason for dropping a sample contains numbers."""

    suffix: ClassVar[str] = "Filter"

    needs: ClassVar[tuple[str, ...]] = ()
    """Scores, features or `boxes` that scorers must compute first."""
    reads: ClassVar[str] = "record"
    """The most expensive of `record`, `thumbnail` and `pixels` that the filter itself reads."""

    def __call__(self, view: LazySample) -> Verdict:
        raise NotImplementedError
