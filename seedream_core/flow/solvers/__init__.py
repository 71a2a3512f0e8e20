"""Solvers of dz/dt = v(z, t) from noise (t = 1) to data (t = 0): each file is one method.

Mean distance of 20,000 samples (sorted) from the exact quantiles of a mixture of three Gaussians in one dimension,
whose velocity is known; an even grid of times, float64, at most the given number of evaluations
(`tests/seedream_core/flow/solvers/test_solvers.py` computes it again):

    evaluations          4       8      16      32
    euler            0.312   0.160   0.081   0.041
    heun             0.317   0.074   0.020   0.005
    dpm_solver       0.226   0.062   0.014   0.004
    stochastic_euler 0.151   0.051   0.021   0.014

About 0.01 of the last row is sampling error. Noise corrects earlier errors in the distribution of all samples, but the
end of a single sample is then random.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from seedream_core.errors import ConfigError, Problem
from seedream_core.workflow.config import Component, dump, parse

if TYPE_CHECKING:
    from torch import Tensor

Velocity = Callable[["Tensor", "Tensor"], "Tensor"]
"""(z, t) -> dz/dt, for B x ... latents and B times."""


@dataclass(frozen=True)
class Transition:
    """The result of one step: the point `mean`, or a Gaussian around it."""

    mean: "Tensor"
    """B x ..."""
    deviation: "Tensor | None" = None
    """The Gaussian's standard deviation, one number; None for a step without noise."""
    past: Any = None
    """What a multistep solver needs at its next step; None for other solvers."""

    def draw(self, noise: "Tensor") -> "Tensor":
        """The sample that standard normal noise (B x ...) gives."""
        return self.mean if self.deviation is None else self.mean + self.deviation * noise

    def log_probability(self, z: "Tensor") -> "Tensor":
        """Log density of arriving at `z`, B: the mean over dimensions, not the sum, as in Flow-GRPO's code.

        `z` is a constant: no gradient passes through it. ValueError for a step without noise, which has no density.
        """
        if self.deviation is None:
            raise ValueError("a step without noise has no log-probability")
        away = (z.detach() - self.mean) / self.deviation
        density = -0.5 * away.square() - self.deviation.log() - 0.5 * math.log(2 * math.pi)
        return density.flatten(1).mean(1)


@dataclass(frozen=True)
class Trajectory:
    """All states and log-probabilities of one solver run."""

    times: "Tensor"
    """The grid, N + 1 falling times."""
    latents: tuple["Tensor", ...]
    """z at each time of the grid, N + 1 of B x ..."""
    log_probabilities: tuple["Tensor | None", ...]
    """Of each step's arrival, N of B; None for a step without noise."""

    @property
    def end(self) -> "Tensor":
        """z at the last time."""
        return self.latents[-1]


@dataclass(frozen=True, kw_only=True)
class Solver(Component):
    """Contract: `step` follows a velocity from one time to the next, and `__call__` along a falling grid.

    Gradients flow wherever the caller allows them: nothing here turns them on or off.
    """

    def step(self, velocity: Velocity, z: "Tensor", t: "Tensor", t_next: "Tensor", past: Any = None) -> Transition:
        """From z (B x ...) at `t` to `t_next` (one number each, on the CPU, so that a comparison with 0 waits for no
        device).

        `past` is the `Transition.past` of the step before, None at the first one.
        """
        raise NotImplementedError

    def __call__(
        self, velocity: Velocity, z: "Tensor", grid: "Tensor", noise: "Callable[[int], Tensor] | None" = None
    ) -> Trajectory:
        """From z at grid[0] to grid[-1]; `noise(i)` gives the standard normal noise of step i, which stochastic steps
        need.
        """
        times, past = grid.cpu(), None
        latents, log_probabilities = [z], []
        for index, (t, t_next) in enumerate(pairwise(times)):
            found = self.step(velocity, z, t, t_next, past)
            if found.deviation is None:
                z, density = found.mean, None
            elif noise is None:
                raise ValueError(f"{self.name()}: its steps are stochastic, but no noise is given")
            else:
                z = found.draw(noise(index))
                density = found.log_probability(z)
            past = found.past
            latents.append(z)
            log_probabilities.append(density)
        return Trajectory(grid, tuple(latents), tuple(log_probabilities))

    def text(self) -> str:
        """The solver as text in a picture's metadata: its name, or JSON where an option differs from its default."""
        return self.name() if self == type(self)() else json.dumps(dump(self))

    @classmethod
    def read(cls, text: str) -> "Solver":
        """The solver of such a text; ConfigError where there is no such solver."""
        if not text.startswith("{"):
            return cls.find(text)()
        try:
            options = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError([Problem("solver", None, "", f"not valid JSON ({error})")]) from None
        return parse(cls.find(str(options.pop("name", ""))), options)


def at(t: "Tensor", z: "Tensor") -> "Tensor":
    """One time as B times on the device of B x ... latents."""
    return t.to(z.device).expand(len(z))
