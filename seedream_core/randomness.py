"""Random numbers as a function of (seed, sample key, step, purpose); no generator state to save or restore.

A sample gets the same noise, time and caption on one rank or eight, in any batch, before and after a resume,
because no draw depends on an earlier one.
"""

import hashlib
import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Generator, Tensor

Choice = TypeVar("Choice")


def _hash(seed: int, key: str, step: int, purpose: str) -> int:
    text = f"{seed}\0{key}\0{step}\0{purpose}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def generator(seed: int, key: str, step: int, purpose: str) -> "Generator":
    """A CPU generator for one sample at one step and one purpose ("noise", "time", "latent", ...)."""
    import torch

    return torch.Generator().manual_seed(_hash(seed, key, step, purpose) >> 1)


def fraction(seed: int, key: str, step: int, purpose: str) -> float:
    """One number in [0, 1), uniform: cheaper than a generator where a single draw decides."""
    return (_hash(seed, key, step, purpose) >> 11) / (1 << 53)


def uniform(seed: int, keys: Sequence[str], step: int, purpose: str) -> "Tensor":
    """One number in [0, 1) per key, B in f32."""
    import torch

    draws = torch.tensor([fraction(seed, key, step, purpose) for key in keys])
    return draws.clamp_(max=1 - 2**-24)  # the nearest f32 of a draw can be 1


def normal(seed: int, keys: Sequence[str], step: int, shape: Sequence[int], purpose: str = "noise") -> "Tensor":
    """Standard normal B×shape in f32, each row from its own key."""
    import torch

    out = torch.empty(len(keys), *shape)
    for row, key in zip(out, keys):
        row.normal_(generator=generator(seed, key, step, purpose))
    return out


class Rng:
    """A stream of draws from one key, for synthetic data: scenes, documents, defects.

    Only `random.Random.random` is used: its stream is the one that Python promises to keep.
    """

    def __init__(self, *key: object) -> None:
        self._random = random.Random("/".join(map(str, key))).random

    def uniform(self, low: float, high: float) -> float:
        """A number in [low, high), uniform."""
        return low + (high - low) * self._random()

    def choice(self, options: Sequence[Choice]) -> Choice:
        """One of the options, all equally likely."""
        return options[int(self._random() * len(options))]

    def weighted(self, weights: Mapping[Choice, float]) -> Choice:
        """One of the keys, in proportion to its weight."""
        rest = self._random() * sum(weights.values())
        for name, weight in weights.items():
            rest -= weight
            if rest < 0:
                return name
        return name
