"""Filters: each file says keep or drop of one sample, by what its record says and what scorers noted, with figures."""

from dataclasses import dataclass
from typing import ClassVar

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.records import Verdict
from seedream_core.workflow.config import Component

__all__ = ["Filter", "LazySample", "Verdict"]


@dataclass(frozen=True, kw_only=True)
class Filter(Component):
    """Contract: `__call__(view) -> Verdict`, a pure function; a dropped sample's reason carries figures."""

    suffix: ClassVar[str] = "Filter"

    needs: ClassVar[tuple[str, ...]] = ()
    """Scores, features or `boxes` that scorers must have noted."""
    reads: ClassVar[str] = "record"
    """The dearest of `record`, `thumbnail` and `pixels` that it looks at by itself."""

    def __call__(self, view: LazySample) -> Verdict:
        raise NotImplementedError
