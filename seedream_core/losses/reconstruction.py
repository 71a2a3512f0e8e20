"""The reconstruction loss of an autoencoder: pixels, edges, and the KL divergence of the posterior."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge

from seedream_core.workflow.config import Config

if TYPE_CHECKING:
    from torch import Tensor

    from seedream_core.models.autoencoder.latents import Posterior


@dataclass(frozen=True, kw_only=True)
class Reconstruction(Config):
    """Weights of the parts; each is a mean over pixels (or latents), so that they compare across sizes."""

    l1: Annotated[float, Ge(0)] = 1.0
    """Absolute error of pixels."""
    l2: Annotated[float, Ge(0)] = 1.0
    """Squared error of pixels."""
    edge: Annotated[float, Ge(0)] = 0.5
    """Absolute error of the differences between neighbouring pixels: keeps outlines sharp."""
    kl: Annotated[float, Ge(0)] = 1e-4
    """Divergence of the posterior from a unit Gaussian, per latent value."""

    def __call__(self, images: "Tensor", reconstructed: "Tensor", posterior: "Posterior") -> "Tensor":
        error = reconstructed.float() - images
        loss = self.l1 * error.abs().mean() + self.l2 * error.square().mean()
        if self.edge:
            loss = loss + self.edge * 0.5 * (error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean())
        return loss + self.kl * posterior.divergence().mean() / posterior.mean[0].numel()
