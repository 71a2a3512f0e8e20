"""Flow matching: the squared error of the velocity, over the latents that no defect spoils (Seedream 2.0 and 3.0).

For each picture L = Σ M_i ‖v_i - v*_i‖² / max(1, Σ M_i) over its latent cells, where the norm is a mean over channels
and M the mask of data/images/masks.py (defect-aware training of Seedream 3.0; the formula is our reading). A clean
picture thus weighs as much as one without a mask. Only the loss is masked: clean tokens still attend to the defect.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seedream_core.losses import Loss

if TYPE_CHECKING:
    from torch import Tensor

    from seedream_core.records import FlowStep


@dataclass(frozen=True, kw_only=True)
class FlowMatchingLoss(Loss):
    def __call__(self, step: "FlowStep") -> "Tensor":
        return squared_error(step.velocity, step.target, step.mask).mean()


def squared_error(velocity: "Tensor", target: "Tensor", mask: "Tensor | None") -> "Tensor":
    """Mean squared error of each sample, B, over the cells where the B×1×h×w mask is 1; 0 where it is 1 nowhere.

    In float32, since bf16 loses small errors beside large ones.
    """
    error = velocity.float() - target.float()
    if mask is None:
        return error.square().flatten(1).mean(1)
    mask = mask.float()
    # masked before it is squared: 0 times an error that overflowed would be NaN
    error = error.where(mask.bool(), 0).square()
    return error.flatten(1).sum(1) / (error.shape[1] * mask.flatten(1).sum(1).clamp(min=1))
