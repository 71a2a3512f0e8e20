"""Classifier-free guidance."""

from collections.abc import Callable

import torch
from torch import Tensor

Velocity = Callable[[Tensor, Tensor], Tensor]


def combine(unconditional: Tensor, conditional: Tensor, scale: float) -> Tensor:
    """v_null + scale (v_text - v_null): 1 is the conditional velocity itself."""
    return unconditional + scale * (conditional - unconditional)


def guided(network: Callable, text: tuple[Tensor, Tensor], null: tuple[Tensor, Tensor], scale: float) -> Velocity:
    """A velocity function of (z, t) that asks the network once with text and once without, in one batch."""
    features, mask = stack(text, null)

    def velocity(z: Tensor, t: Tensor) -> Tensor:
        both = network(torch.cat([z, z]), torch.cat([t, t]), features, mask).velocity
        conditional, unconditional = both.float().chunk(2)
        return combine(unconditional, conditional, scale)

    return velocity


def stack(text: tuple[Tensor, Tensor], null: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Features and masks of B texts, then B copies of the null caption padded to their length."""
    features, mask = text
    null_features, null_mask = (part.expand(len(features), *part.shape[1:]) for part in null)
    padded = torch.zeros_like(features)
    padded[:, : null_features.shape[1]] = null_features
    padded_mask = torch.zeros_like(mask)
    padded_mask[:, : null_mask.shape[1]] = null_mask
    return torch.cat([features, padded]), torch.cat([mask, padded_mask])
