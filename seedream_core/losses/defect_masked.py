"""Flow matching that learns nothing where a picture is spoiled (Seedream 3.0, defect-aware training; the formula is
inferred).

For each picture L = Σ M_i ‖v_i − v*_i‖² / max(1, Σ M_i) over its latent cells, M the mask of data/images/masks.py and
the norm a mean over channels, so that a clean picture weighs what it does in flow_matching. What is masked is the loss
alone: clean tokens still attend to the defect.
"""

from typing import TYPE_CHECKING

from seedream_core.losses.flow_matching import flow_matching
from seedream_core.records import FlowStep

if TYPE_CHECKING:
    from torch import Tensor


def defect_masked(step: FlowStep) -> "Tensor":
    """Scalar; without a mask it is flow_matching, bit for bit. A picture whose every cell is masked gives 0."""
    if step.mask is None:
        return flow_matching(step)
    mask = step.mask.float()
    # masked before it is squared: 0 times an error that overflowed would be NaN
    error = (step.velocity.float() - step.target.float()).where(mask.bool(), 0).square()
    each = error.flatten(1).sum(1) / (error.shape[1] * mask.flatten(1).sum(1).clamp(min=1))
    return each.mean() if step.weights is None else (each * step.weights).sum() / step.weights.sum()
