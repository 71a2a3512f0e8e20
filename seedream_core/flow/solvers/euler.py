"""Euler's method: one evaluation per step."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from seedream_core.flow.solvers import Solver


@dataclass(frozen=True, kw_only=True)
class Euler(Solver):
    def __call__(self, velocity: Callable[[Tensor, Tensor], Tensor], z: Tensor, grid: Tensor) -> Tensor:
        for start, end in itertools.pairwise(grid):
            z = z + (end - start) * velocity(z, start.expand(len(z)))
        return z

    def evaluations(self, steps: int) -> int:
        return steps
