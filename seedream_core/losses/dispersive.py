"""Dispersive loss: hidden states of the samples of a batch spread apart (arXiv 2506.09027, the InfoNCE form with l2).

L = log mean exp(-d_ij / temperature) over all pairs (i, j) of samples, the pairs (i, i) included, with d_ij the mean
squared difference of their image tokens after one block. No second view, target or parameter is needed. Departure:
samples are compared within one device's micro batch, not over all devices.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Gt

from seedream_core.losses import Loss

if TYPE_CHECKING:
    from torch import Tensor

    from seedream_core.records import FlowStep


@dataclass(frozen=True, kw_only=True)
class DispersiveLoss(Loss):
    min_batch: ClassVar[int] = 2

    layer: Annotated[int, Ge(1)] = 2
    """The block whose image tokens spread apart, counted from 1; the paper takes one at a quarter of the depth."""
    temperature: Annotated[float, Gt(0)] = 1.0
    """Distance at which a pair's repulsion has fallen to 1/e."""
    weight: Annotated[float, Ge(0)] = 0.25
    """Factor of this term in the sum."""

    @property
    def reads_layer(self) -> int:
        return self.layer

    def __call__(self, step: "FlowStep") -> "Tensor":
        import torch

        tokens = step.hidden[self.layer - 1].float().flatten(1)
        distances = torch.pdist(tokens).square() / tokens.shape[1] / self.temperature
        # each pair counts in both directions, and each sample once beside itself
        return torch.cat([distances, distances, distances.new_zeros(len(tokens))]).neg().exp().mean().log()
