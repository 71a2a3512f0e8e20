"""Heun's method: Euler, corrected by the velocity at the end; second order, no correction in the last step.

The last step stays Euler because a velocity at t = 0 is not trained (logit-normal times never reach it).
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from seedream_core.flow.solvers import Solver


@dataclass(frozen=True, kw_only=True)
class Heun(Solver):
    def __call__(self, velocity: Callable[[Tensor, Tensor], Tensor], z: Tensor, grid: Tensor) -> Tensor:
        for index, (start, end) in enumerate(itertools.pairwise(grid)):
            slope = velocity(z, start.expand(len(z)))
            guess = z + (end - start) * slope
            if index == len(grid) - 2:
                return guess
            z = z + (end - start) * 0.5 * (slope + velocity(guess, end.expand(len(z))))
        return z

    def evaluations(self, steps: int) -> int:
        return 2 * steps - 1
