"""Scaling RoPE: positions count from the picture's centre and shrink with resolution (Seedream 2.0; formula inferred).

The report says that central patches of all resolutions share their positions and
prints no formula. Here position = (index - (length - 1) / 2) * (base / length) ** gamma:
gamma 0 only centres (as Qwen-Image does), gamma 1 interpolates fully.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor

from seedream_core.models.rope import Rope


@dataclass(frozen=True, kw_only=True)
class Scaled(Rope):
    base: Annotated[int, Ge(1)] = 4
    """Tokens along a side at which positions are whole numbers: the pre-training resolution."""
    gamma: Annotated[float, Ge(0), Le(1)] = 0.5
    """0: centred only; 1: every resolution spans the same range."""

    def positions(self, rows: int, columns: int) -> Tensor:
        row = self._axis(rows)[:, None].expand(rows, columns)
        column = self._axis(columns)[None, :].expand(rows, columns)
        return torch.stack([row, column], dim=-1).reshape(rows * columns, 2)

    def _axis(self, length: int) -> Tensor:
        scale = (self.base / length) ** self.gamma
        return (torch.arange(length, dtype=torch.float32) - (length - 1) / 2) * scale
