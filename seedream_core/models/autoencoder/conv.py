"""Convolutional KL autoencoder with space-to-depth edges (shapes after DC-AE; the reports publish no VAE).

The first and last `stem` x `stem` pixels become channels at once: at 64 pixels that
saves three quarters of the time of convolutions at full resolution.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, MinLen
from torch import Tensor, nn

from seedream_core.models.autoencoder import AutoencoderConfig
from seedream_core.models.autoencoder.latents import LatentModule, Posterior

GROUPS = 8


@dataclass(frozen=True, kw_only=True)
class Conv(AutoencoderConfig):
    stem: Annotated[int, Ge(1)] = 4
    """Pixels along a side that become channels before the first convolution."""
    widths: Annotated[tuple[int, ...], MinLen(1)] = (64, 128, 160)
    """Features at each resolution from fine to coarse; factor = stem * 2 ** (number of widths - 1)."""
    encoder_blocks: Annotated[int, Ge(1)] = 1
    """Residual blocks at each resolution of the encoder."""
    decoder_blocks: Annotated[int, Ge(1)] = 2
    """Residual blocks at each resolution of the decoder."""

    def __post_init__(self) -> None:
        reached = self.stem * 2 ** (len(self.widths) - 1)
        if reached != self.factor:
            raise ValueError(
                f"stem {self.stem} and {len(self.widths)} widths give a factor of {reached}, not {self.factor}"
            )
        for width in self.widths:
            if width % GROUPS:
                raise ValueError(f"width {width} is not a multiple of {GROUPS}")

    def build(self) -> "ConvAutoencoder":
        return ConvAutoencoder(self)


class Residual(nn.Module):
    """Norm, SiLU, convolution, twice, added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.GroupNorm(GROUPS, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(GROUPS, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )
        nn.init.zeros_(self.body[-1].weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class ConvAutoencoder(LatentModule):
    """images B x 3 x H x W in [-1, 1] <-> latents B x C x H/f x W/f."""

    def __init__(self, config: Conv) -> None:
        super().__init__(config.channels)
        self.config = config
        widths, pixels = config.widths, 3 * config.stem**2
        encoder: list[nn.Module] = [nn.PixelUnshuffle(config.stem), nn.Conv2d(pixels, widths[0], 3, padding=1)]
        for index, width in enumerate(widths):
            if index:
                encoder.append(nn.Conv2d(widths[index - 1], width, 2, stride=2))
            encoder += [Residual(width) for _ in range(config.encoder_blocks)]
        encoder += [
            nn.GroupNorm(GROUPS, widths[-1]),
            nn.SiLU(),
            nn.Conv2d(widths[-1], 2 * config.channels, 3, padding=1),
        ]
        self.encoder = nn.Sequential(*encoder)

        decoder: list[nn.Module] = [nn.Conv2d(config.channels, widths[-1], 3, padding=1)]
        for index in reversed(range(len(widths))):
            decoder += [Residual(widths[index]) for _ in range(config.decoder_blocks)]
            if index:
                decoder += [nn.Conv2d(widths[index], 4 * widths[index - 1], 1), nn.PixelShuffle(2)]
        decoder += [
            nn.GroupNorm(GROUPS, widths[0]),
            nn.SiLU(),
            nn.Conv2d(widths[0], pixels, 3, padding=1),
            nn.PixelShuffle(config.stem),
        ]
        self.decoder = nn.Sequential(*decoder)
        self.to(memory_format=torch.channels_last)

    @property
    def output_weight(self) -> nn.Parameter:
        return self.decoder[-2].weight

    def encode(self, images: Tensor) -> Posterior:
        images = images.contiguous(memory_format=torch.channels_last)
        mean, log_variance = self.encoder(images).float().chunk(2, dim=1)
        return Posterior(mean, (0.5 * log_variance.clamp(-20, 4)).exp())

    def decode(self, latents: Tensor) -> Tensor:
        return self.decoder(latents.contiguous(memory_format=torch.channels_last))
