"""Rotary positions of image tokens: each file is one way to number rows and columns."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seedream_core.workflow.config import Component

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Rope(Component):
    """Contract: positions of one picture's tokens; `models/attention.py` turns them into rotations."""

    def positions(self, rows: int, columns: int) -> "Tensor":
        """(rows * columns) x 2 float32 positions (row, column), row-major.

        Float32 because bfloat16 cannot tell integers above 256 apart.
        """
        raise NotImplementedError
