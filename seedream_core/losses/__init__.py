"""Training losses. Each member of the family `Loss` is one file: a term that a velocity network learns from.

An objective adds the terms, each times its weight, and logs each by its name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from seedream_core.workflow.config import Component

if TYPE_CHECKING:
    from torch import Tensor

    from seedream_core.records import FlowStep


@dataclass(frozen=True, kw_only=True)
class Loss(Component):
    """Contract: one step of flow matching to a scalar in float32, before its weight."""

    suffix: ClassVar[str] = "Loss"
    min_batch: ClassVar[int] = 1
    """Samples that the term needs side by side: 2 for a term that compares samples."""

    weight: Annotated[float, Ge(0)] = 1.0
    """Factor of this term in the sum."""

    def __call__(self, step: "FlowStep") -> "Tensor":
        raise NotImplementedError

    @property
    def reads_layer(self) -> int:
        """The block whose image tokens the term reads, counted from 1; 0 where it reads none."""
        return 0


def check(losses: Sequence[Loss], *, depth: int | None = None, batch: int | None = None) -> None:
    """ValueError where terms cannot be trained together, in a network of `depth` blocks, on `batch` samples at once."""
    names = [loss.name() for loss in losses]
    if not any(loss.weight for loss in losses):
        raise ValueError("losses: at least one term with a weight above 0 is needed")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"losses: {twice[0]} stands twice; name it once and set its weight")
    for loss in losses:
        if depth is not None and loss.reads_layer > depth:
            raise ValueError(f"losses: {loss.name()} reads layer {loss.reads_layer}, but the network has {depth}")
        if batch is not None and batch < loss.min_batch:
            raise ValueError(
                f"losses: {loss.name()} compares samples, but a device computes {batch} at once; raise "
                "train.global_batch, or micro_batch in the host file"
            )
