"""Duplicates: each file compares all samples that the filters kept, in the order of the input; the first of like ones
stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from seedream_core.workflow.config import Component

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Dedup(Component):
    """Contract: features (N rows each, in input order, maybe mapped from a file) and keys -> row -> why it is
    dropped.
    """

    suffix: ClassVar[str] = "Dedup"

    needs: ClassVar[tuple[str, ...]]
    """Features that scorers must have noted."""
    tuples: ClassVar[bool] = False
    """Whether its features tell tuples, and tasks, apart; else it compares only pictures for text to image."""

    def __call__(self, features: Mapping[str, "np.ndarray"], keys: Sequence[str]) -> dict[int, str]:
        raise NotImplementedError
