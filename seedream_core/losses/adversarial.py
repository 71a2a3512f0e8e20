"""The adversarial loss of an autoencoder: a PatchGAN discriminator with hinge losses, and its adaptive weight (VQGAN,
arXiv 2012.09841).

The decoder's part is -E[D(reconstruction)], times weight * ‖∇ reconstruction loss‖ / ‖∇ adversarial loss‖, both
gradients taken at the decoder's last layer: there the two pull equally hard at a weight of 1. Departure: the norms are
those of the step before, over its whole global batch, so that neither micro-batches nor ranks change the weight.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Gt

from seedream_core.workflow.config import Config
from seedream_core.workflow.host import Train

if TYPE_CHECKING:
    from torch import Tensor

MAX_BALANCE = 1e4


@dataclass(frozen=True, kw_only=True)
class Adversarial(Config):
    """A discriminator of patches that the decoder learns to deceive."""

    weight: Annotated[float, Gt(0)] = 0.5
    """Pull of the adversarial loss at the decoder's last layer, as a share of the reconstruction loss's."""
    start: Annotated[int, Ge(0)]
    """The step at which the discriminator begins; before it the autoencoder learns alone."""
    width: Annotated[int, Ge(8)] = 32
    """Features of the discriminator's first layer; each further one has twice as many, up to 8 times."""
    layers: Annotated[int, Ge(1)] = 3
    """Halvings of the resolution: with 3, each verdict is about a patch of 70 x 70 pixels."""
    lr: Annotated[float, Gt(0)] = 5e-4
    """The discriminator's highest learning rate; the rest of its schedule is the autoencoder's."""

    def schedule(self, train: Train) -> Train:
        """The discriminator's training: it begins late, with moments that forget fast (as in VQGAN)."""
        return replace(
            train, steps=train.steps - self.start, lr=self.lr, betas=(0.5, 0.9), weight_decay=0.0, optimizer="adamw"
        )

    def flops(self, train: Train, width: int, height: int) -> float:
        """What the discriminator adds to a third of a training step's FLOPs for one picture, averaged over the steps.

        From `start` on it costs eight of its forward passes: the decoder's loss goes through it and back to its input,
        and it learns from a picture and from the reconstruction.
        """
        import torch
        from torch.utils.flop_counter import FlopCounterMode

        from seedream_core.models.discriminator import PatchDiscriminator

        with FlopCounterMode(display=False) as counter, torch.device("meta"), torch.no_grad():
            PatchDiscriminator(self.width, self.layers)(torch.empty(1, 3, height, width))
        return (1 - self.start / train.steps) * 8 / 3 * counter.get_total_flops()


def discriminator_loss(real: "Tensor", fake: "Tensor") -> "Tensor":
    """Hinge loss of the verdicts on pictures and on reconstructions: 0 once each is beyond 1 on its side."""
    return 0.5 * ((1 - real).relu().mean() + (1 + fake).relu().mean())


def balance(reconstruction: "Tensor", adversarial: "Tensor") -> "Tensor":
    """Norm of the reconstruction loss's gradient over that of the adversarial loss's, at most MAX_BALANCE."""
    return (reconstruction.norm() / (adversarial.norm() + 1e-4)).clamp(max=MAX_BALANCE)
