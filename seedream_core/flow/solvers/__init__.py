"""Solvers of dz/dt = v(z, t) from noise (t = 1) to data (t = 0): each file is one method."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seedream_core.workflow.config import Component

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Solver(Component):
    """Contract: follow a velocity along a falling grid of times."""

    def __call__(self, velocity: Callable[["Tensor", "Tensor"], "Tensor"], z: "Tensor", grid: "Tensor") -> "Tensor":
        """z at grid[0] -> z at grid[-1]; `velocity(z, t)` takes B x ... and B times."""
        raise NotImplementedError

    def evaluations(self, steps: int) -> int:
        """How often a run over `steps` intervals calls the velocity."""
        raise NotImplementedError
