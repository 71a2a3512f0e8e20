"""Filters: each file says keep or drop of one sample, by what its record says and what scorers noted, with figures."""

from dataclasses import dataclass
from typing import ClassVar

from seedream_core.data.curation.view import View
from seedream_core.records import Verdict
from seedream_core.workflow.config import Component

__all__ = ["Filter", "Verdict", "View"]


@dataclass(frozen=True, kw_only=True)
class Filter(Component):
    """Contract: `__call__(view) -> Verdict`, a pure function; a dropped sample's reason carries figures."""

    needs: ClassVar[tuple[str, ...]] = ()
    """Scores, features or `boxes` that scorers must have noted."""
    reads: ClassVar[str] = "record"
    """The dearest of `record`, `thumbnail` and `pixels` that it looks at by itself."""

    def __call__(self, view: View) -> Verdict:
        raise NotImplementedError
