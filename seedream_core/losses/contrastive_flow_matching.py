"""Contrastive flow matching: the velocity moves away from the targets of other samples (arXiv 2506.05350).

The term is -‖v - roll(v*)‖², where roll gives each sample the target of its neighbour in the batch. Beside
`flow_matching` with its weight of 0.05 the sum is the paper's ‖v - v*‖² - 0.05 ‖v - ṽ*‖². Its minimum is no longer the
velocity itself: away from the data's mean the network overshoots, as guidance does.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Lt

from seedream_core.losses import Loss
from seedream_core.losses.flow_matching import squared_error

if TYPE_CHECKING:
    from torch import Tensor

    from seedream_core.records import FlowStep


@dataclass(frozen=True, kw_only=True)
class ContrastiveFlowMatchingLoss(Loss):
    min_batch: ClassVar[int] = 2

    weight: Annotated[float, Ge(0), Lt(1)] = 0.05
    """Factor λ of this term; the sum with `flow_matching` has no minimum from 1 on."""

    def __call__(self, step: "FlowStep") -> "Tensor":
        return -squared_error(step.velocity, step.target.roll(1, 0), step.mask).mean()
