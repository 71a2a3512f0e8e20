"""Logit-normal times, shifted by resolution (Seedream 3.0: by the data's mean size in training)."""

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from seedream_core.flow.shift import alpha, shift
from seedream_core.flow.timesteps import Timesteps


@dataclass(frozen=True, kw_only=True)
class LogitNormal(Timesteps):
    mean: float = 0.0
    """Mean of logit t before the shift; above 0 is noisier."""
    std: Annotated[float, Gt(0)] = 1.0
    """Deviation of logit t."""
    base_tokens: Annotated[int, Gt(0)] = 16
    """Image tokens at which times are shifted by `shift` alone."""
    shift: Annotated[float, Gt(0)] = 1.0
    """Shift at `base_tokens`: above 1 is noisier. Pre-training stores it for the model's sampler; later stages keep
    it.
    """

    def __call__(self, uniform: Tensor, tokens: float) -> Tensor:
        normal = torch.special.ndtri(uniform.double().clamp(1e-7, 1 - 1e-7)).float()
        return shift(torch.sigmoid(self.mean + self.std * normal), self.shift * alpha(tokens, self.base_tokens))
