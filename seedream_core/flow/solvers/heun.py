"""Heun's method: Euler, corrected by the velocity at the end; second order, no correction in the step to t = 0.

That step stays Euler's because a velocity at t = 0 is not trained (logit-normal times never reach it).
"""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from seedream_core.flow.solvers import Solver, Transition, Velocity, at


@dataclass(frozen=True, kw_only=True)
class Heun(Solver):
    def step(self, velocity: Velocity, z: Tensor, t: Tensor, t_next: Tensor, past: Any = None) -> Transition:
        slope = velocity(z, at(t, z))
        guess = z + (t_next - t) * slope
        if t_next == 0:
            return Transition(guess)
        return Transition(z + (t_next - t) * 0.5 * (slope + velocity(guess, at(t_next, z))))
