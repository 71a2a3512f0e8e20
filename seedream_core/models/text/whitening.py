"""Whitening of language-model features: decorrelated and centred (our choice; not in the reports).

A causal model's states predict the next token. Two words with similar continuations ("red", "blue") then differ only in
directions of little variance, and a generator needs long to learn them. Running mean of the training loss after 32,000
pictures, one seed, same batches and noise: 0.821 with last states scaled to unit deviation per dimension, 0.765 with
the same states whitened. With another language model, trained on translations alone: last states whitened 0.739, the
embedding beside the last but one 0.710. The embedding alone, of the first model, whitened: 0.704. For comparison, not
whitened: last states tuned along with the generator 0.759, an embedding learned with it 0.713.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

FLOOR = 1e-4
"""As a share of the greatest variance: directions of less variance are not scaled up to unit size."""


class Whitening(nn.Module):
    """(features - mean) @ matrix, with a separate matrix for each of the states that are stacked in a feature."""

    def __init__(self, width: int, states: int = 1) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(states, width))
        self.register_buffer("matrix", torch.eye(width).repeat(states, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        """B x L x (states * width), in float32: small differences between large numbers."""
        with torch.autocast(features.device.type, enabled=False):
            each = features.float().unflatten(-1, self.mean.shape)
            return torch.einsum("blsi,sij->blsj", each - self.mean, self.matrix).flatten(-2)

    @torch.no_grad()
    def measure(self, features: Sequence[Tensor]) -> None:
        """Compute mean and covariance from features of many texts, each N x (states * width)."""
        each = torch.cat(list(features)).double().unflatten(-1, self.mean.shape)
        mean = each.mean(0)
        centred = (each - mean).transpose(0, 1)
        values, vectors = torch.linalg.eigh(centred.mT @ centred / len(each))
        least = FLOOR * values[:, -1:].clamp(min=torch.finfo(torch.float32).tiny)
        roots = torch.maximum(values, least).rsqrt()
        self.mean.copy_(mean)
        self.matrix.copy_((vectors * roots[:, None, :]) @ vectors.mT)
