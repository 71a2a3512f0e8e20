"""Diffusion transformers: each file is one network that predicts the velocity of noisy latents.

A network built by a member has the attributes `channels` and `text_width`, and is called as

    network(latents, t, conditions, hidden=False) -> Velocity

with B x C x h x w latents, B times (1 is noise) and the Conditions of B samples. Only flow/velocity.py calls it.
Quantisation packs its `nn.Linear` layers. A new architecture is one such file: every stage accepts it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from seedream_core.workflow.config import Component

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Velocity:
    """What a network predicts: d z_t / d t = noise - data."""

    velocity: "Tensor"
    """B x C x h x w."""
    hidden: "list[Tensor]"
    """Image tokens after each block, B x N x width; empty unless asked for."""


@dataclass(frozen=True, kw_only=True)
class DitConfig(Component):
    """Contract: the network's size in tokens, FLOPs and parameters is known before it is built."""

    suffix: ClassVar[str] = "Config"
    default: ClassVar[str] = "mmdit"

    width: Annotated[int, Ge(8)] = 192
    """Features per token."""
    depth: Annotated[int, Ge(1)] = 8
    """Blocks."""
    patch: Annotated[int, Ge(1)] = 1
    """Latent cells along a token's side: 2 for f8 autoencoders, 1 for f16 and above."""
    guidance_embedding: bool = False
    """Whether the guidance scale is an input of the network; distill/student adds and trains this input."""

    def build(self, *, channels: int, text_width: int) -> "nn.Module":
        """The network with initial weights, for latents of `channels` channels and text features of `text_width`."""
        raise NotImplementedError

    def flops(self, image_tokens: int, text_tokens: int, *, channels: int, text_width: int) -> int:
        """FLOPs of one forward pass for one picture: matrix products only, as `FlopCounterMode` counts them."""
        raise NotImplementedError

    @property
    def hidden(self) -> int:
        """Features inside the MLP of a block."""
        raise NotImplementedError

    @property
    def longest_text(self) -> int | None:
        """Tokens that a text may have; None where there is no limit."""
        return None

    def parameters(self, *, channels: int, text_width: int) -> int:
        """The number of parameters, counted on the meta device without allocating them."""
        import torch

        with torch.device("meta"):
            return sum(p.numel() for p in self.build(channels=channels, text_width=text_width).parameters())

    def latent_tokens(self, shape: Sequence[int]) -> float:
        """Image tokens of latents whose shape ends in rows and columns."""
        return shape[-2] * shape[-1] / self.patch**2

    def image_tokens(self, width: int, height: int, factor: int) -> int:
        """Image tokens of a picture of that size in pixels; ValueError names the nearest sizes that fit."""
        cell = factor * self.patch
        for name, pixels in (("width", width), ("height", height)):
            if pixels % cell or pixels < cell:
                lower = max(pixels // cell, 1) * cell
                raise ValueError(f"{name} {pixels} is not a multiple of {cell}; try {lower} or {lower + cell}")
        return (width // cell) * (height // cell)
