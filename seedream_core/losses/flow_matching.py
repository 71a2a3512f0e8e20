"""Flow matching: the squared error of the velocity, the mean over each picture's latents, then over pictures."""

from typing import TYPE_CHECKING

from seedream_core.records import FlowStep

if TYPE_CHECKING:
    from torch import Tensor


def flow_matching(step: FlowStep) -> "Tensor":
    """Scalar; `step.weights` (one per picture) weigh the mean. In float32: bf16 loses small errors beside large
    ones.
    """
    each = (step.velocity.float() - step.target.float()).square().flatten(1).mean(1)
    return each.mean() if step.weights is None else (each * step.weights).sum() / step.weights.sum()
