"""Euler's method: one evaluation per step."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from seedream_core.flow.solvers import Solver, Transition, Velocity, at


@dataclass(frozen=True, kw_only=True)
class Euler(Solver):
    def step(self, velocity: Velocity, z: Tensor, t: Tensor, t_next: Tensor, past: Any = None) -> Transition:
        return Transition(z + (t_next - t) * velocity(z, at(t, z)))
