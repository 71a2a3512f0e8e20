"""Stochastic Euler steps: the SDE with the ODE's marginals, so that each step has a density (Flow-GRPO, 2505.05470).

With sigma_t = a sqrt(t / (1 - t)) and h = t_next - t < 0, a step leads to a Gaussian of

    mean       z (1 + sigma_t^2 h / (2 t)) + v (1 + sigma_t^2 (1 - t) / (2 t)) h
    deviation  sigma_t sqrt(-h)

Reinforcement learning needs the density: the velocity alone decides where an Euler step ends. At t = 1, where sigma_t
is infinite, it is taken at t_next, as in Flow-GRPO's code. Departure: the step to t = 0 adds no noise and has no
density, because a picture would keep that noise.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import Gt
from torch import Tensor

from seedream_core.flow.solvers import Solver, Transition, Velocity, at


@dataclass(frozen=True, kw_only=True)
class StochasticEuler(Solver):
    noise: Annotated[float, Gt(0)] = 0.7
    """Strength a of the noise; 0.7 in Flow-GRPO."""

    def step(self, velocity: Velocity, z: Tensor, t: Tensor, t_next: Tensor, past: Any = None) -> Transition:
        slope, h = velocity(z, at(t, z)), t_next - t
        if t_next == 0:
            return Transition(z + h * slope)
        level = t_next if t == 1 else t
        variance = self.noise**2 * level / (1 - level)
        mean = z * (1 + variance * h / (2 * t)) + slope * (1 + variance * (1 - t) / (2 * t)) * h
        return Transition(mean, (variance * -h).sqrt())
