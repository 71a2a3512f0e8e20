"""Uniform times: the plain baseline of flow matching."""

from dataclasses import dataclass

from torch import Tensor

from seedream_core.flow.timesteps import Timesteps


@dataclass(frozen=True, kw_only=True)
class Uniform(Timesteps):
    def __call__(self, uniform: Tensor, tokens: float) -> Tensor:
        return uniform.float()
