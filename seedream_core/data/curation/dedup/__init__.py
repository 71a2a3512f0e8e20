"""Deduplication: each file compares all samples that the filters kept, in input order; the first of several duplicates
is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from seedream_core.workflow.config import Component

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Dedup(Component):
    """Contract: features (N rows each, in input order, maybe mapped from a file) and keys -> {row: reason for which it
    is dropped}.
    """

    suffix: ClassVar[str] = "Dedup"

    needs: ClassVar[tuple[str, ...]]
    """Features that scorers must have computed."""
    tuples: ClassVar[bool] = False
    """Whether its features distinguish tuples and tasks; if false, only single pictures for text-to-image are compared.
    """

    def __call__(self, features: Mapping[str, "np.ndarray"], keys: Sequence[str]) -> dict[int, str]:
        raise NotImplementedError
