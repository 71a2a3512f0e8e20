"""Base of autoencoders: the posterior, and the statistics that normalise latents."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Posterior:
    """A diagonal Gaussian over latents: mean and standard deviation, each B x C x h x w, float32."""

    mean: Tensor
    std: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        return self.mean + self.std * noise

    def divergence(self) -> Tensor:
        """KL from a standard normal, in nats per picture: B."""
        terms = self.mean.square() + self.std.square() - 1 - 2 * self.std.log()
        return 0.5 * terms.flatten(1).sum(1)


class LatentModule(nn.Module):
    """Holds each latent channel's mean and deviation, measured once after training."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("latent_mean", torch.zeros(channels))
        self.register_buffer("latent_std", torch.ones(channels))

    @property
    def output_weight(self) -> nn.Parameter:
        """Weight of the decoder's last layer, at which losses are balanced."""
        raise NotImplementedError

    def set_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Per-channel statistics, each C; ValueError where a deviation is zero."""
        if not bool((std > 0).all()):
            raise ValueError("a latent channel is constant: its standard deviation is 0")
        self.latent_mean.copy_(mean)
        self.latent_std.copy_(std)

    def normalise(self, latents: Tensor) -> Tensor:
        return (latents - self.latent_mean[:, None, None]) / self.latent_std[:, None, None]

    def denormalise(self, latents: Tensor) -> Tensor:
        return latents * self.latent_std[:, None, None] + self.latent_mean[:, None, None]
