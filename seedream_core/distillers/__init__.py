"""Distillers: each file is one loss by which a student learns from a guided teacher.

A distiller is one phase of the training. It sees a batch and three velocity functions of (z, t), and nothing of how
they are batched, averaged or guided.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge

from seedream_core.workflow.config import Component

if TYPE_CHECKING:
    from torch import Tensor

    Velocity = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class DistillStep:
    """One batch: latents with their noise, three numbers in [0, 1) for each sample, and who answers."""

    latents: "Tensor"
    noise: "Tensor"
    draws: "Tensor"
    """3 x B: whatever a distiller has to choose at random, it chooses from these."""
    shift: float
    """Of the sampler's time grid."""
    student: "Velocity"
    average: "Velocity"
    """The student's moving average, without gradient."""
    teacher: "Velocity"
    """With guidance, without gradient."""
    mask: "Tensor | None" = None
    """B×1×h×w, 0 at latents that defects spoil; None where nothing is."""


def distance(found: "Tensor", wanted: "Tensor", mask: "Tensor | None") -> "Tensor":
    """Mean squared error of velocities over the cells that the mask leaves, each picture's own mean, as in
    losses/flow_matching.

    The teacher's answer at a spoiled cell is to keep the defect that it sees there: that is no answer to learn. A loss
    that judges whole pictures, as an adversarial one, has no cells to leave out and takes no mask.
    """
    if mask is None:
        return (found - wanted).square().mean()
    error = (
        (found - wanted).where(mask.bool(), 0).square().flatten(1).sum(1)
    )  # masked first: 0 times infinity would be NaN
    return (error / (found.shape[1] * mask.flatten(1).sum(1).clamp(min=1))).mean()


@dataclass(frozen=True, kw_only=True)
class Distiller(Component):
    """Contract: a batch to the student's scalar loss, which learns nothing where the batch's mask is 0."""

    share: Annotated[int, Ge(1)] = 1
    """This phase's part of the training steps, beside the other phases' parts."""

    def student_loss(self, step: DistillStep) -> "Tensor":
        raise NotImplementedError

    @property
    def evaluations(self) -> tuple[int, int]:
        """Evaluations of the teacher and of the average in one loss: what a step costs beside the student's own."""
        raise NotImplementedError
