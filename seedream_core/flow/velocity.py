"""Calls velocity networks: the only file that does so. Velocities are float32, with guidance where it is wanted."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from seedream_core.flow.guidance import GuidanceRule
from seedream_core.flow.guidance.plain import PlainGuidance
from seedream_core.flow.path import expand
from seedream_core.flow.solvers import Solver
from seedream_core.models.conditions import Conditions
from seedream_core.models.dit import Velocity

VelocityFunction = Callable[[Tensor, Tensor], Tensor]
"""(z, t) -> dz/dt: B x C x h x w and B times to B x C x h x w, float32."""
PLAIN = PlainGuidance()


def predict(network: nn.Module, z: Tensor, t: Tensor, conditions: Conditions, *, hidden: bool = False) -> Velocity:
    """One evaluation of the network under the caller's autocast; the velocity is cast to float32.

    With `hidden`, also the image tokens after each block.
    """
    found = network(z, t, conditions, hidden=hidden)
    return replace(found, velocity=found.velocity.float())


def velocity_function(
    network: nn.Module,
    conditions: Conditions,
    *,
    null: Conditions | None = None,
    scale: float | Tensor = 1.0,
    rule: GuidanceRule = PLAIN,
) -> VelocityFunction:
    """The network's velocity for these conditions, with guidance where `scale` (one number, or B of them) is not 1.

    Where guidance acts, conditional and null captions are evaluated in one batch.
    """
    if not isinstance(scale, Tensor) and scale == 1:
        return lambda z, t: predict(network, z, t, conditions).velocity
    if null is None:
        raise ValueError("guidance needs the conditions of the null caption")
    both = conditions.stack(null)

    def velocity(z: Tensor, t: Tensor) -> Tensor:
        active = rule.active(t)
        if active is not None and not bool(active.any()):
            return predict(network, z, t, conditions).velocity
        conditional, unconditional = predict(network, torch.cat([z, z]), torch.cat([t, t]), both).velocity.chunk(2)
        by = expand(scale, z) if isinstance(scale, Tensor) else scale
        guided = rule.guide(unconditional, conditional, by)
        return guided if active is None else torch.where(expand(active, z), guided, conditional)

    return velocity


def count_evaluations(solver: Solver, grid: Tensor, scale: float, rule: GuidanceRule) -> int:
    """Evaluations of the network for one picture: the solver's calls on this grid, counted twice where guidance
    acts.
    """
    count = 0

    def velocity(z: Tensor, t: Tensor) -> Tensor:
        nonlocal count
        active = rule.active(t)
        count += 1 if scale == 1 or (active is not None and not bool(active.any())) else 2
        return torch.zeros_like(z)

    start = torch.zeros(1, 1, 1, 1)
    solver(velocity, start, grid, lambda step: start)
    return count
