"""Weighted sampling without state: systematic resampling decides which sample takes which place of an epoch (our
choice).

In an epoch of n places, sample i takes floor or ceil of n·w_i / Σw places: less variance than independent draws, and
with equal weights each sample takes exactly its own place. From epoch to epoch the offset advances by the golden ratio,
which evens out rounding faster than random offsets would.
"""

from dataclasses import dataclass

import numpy as np

from seedream_core.errors import DataError
from seedream_core.randomness import fraction

REPEATS = 16
"""Largest number of times that training uses a sample per epoch, whatever its weight: more would make the model
memorise it.

Exceeded only if fewer than one sample in so many has a weight above 0, because nothing else is left to fill the epoch.
"""
GOLDEN = (5**0.5 - 1) / 2


def capped(weights: np.ndarray, most: float = REPEATS) -> np.ndarray:
    """Weights scaled to mean 1, none above `most`; the excess is divided among the other samples by weight.

    If the samples with a weight cannot fill an epoch at that cap (6 of 300 at 5), they all get the same weight above
    `most`: 50.
    """
    weights = np.asarray(weights, np.float64)
    if not weights.any():
        raise DataError("all samples have the weight 0", "give some a weight: data/balance does")
    if (weights == weights[0]).all():
        return np.ones(len(weights))
    order = np.argsort(-weights, kind="stable")
    sorted_, places = weights[order], np.arange(len(weights))
    left = np.cumsum(sorted_[::-1])[::-1]
    # The first place from which all weights fit under the cap: those before it are cut to the cap.
    fits = sorted_ * (len(weights) - most * places) <= most * left
    cut = int(np.argmax(fits)) if fits.any() else len(weights)
    if cut < len(weights) and left[cut] > 0:
        sorted_ = np.where(places < cut, most, sorted_ * (len(weights) - most * cut) / left[cut])
    else:  # too few samples have a weight to fill the epoch at the cap: all get the same weight
        sorted_ = (sorted_ > 0) * (len(weights) / np.count_nonzero(sorted_))
    result = np.empty_like(sorted_)
    result[order] = sorted_
    return result


def above(weights: np.ndarray, most: float) -> str:
    """A warning if capped weights are still above the cap; otherwise ""."""
    if weights.max() <= most * (1 + 1e-9):  # tolerance for rounding
        return ""
    return (
        f"repeats: only {np.count_nonzero(weights)} of {len(weights)} samples have a weight, too few to fill an epoch "
        f"at {most:g} times each: each comes {weights.max():.4g} times"
    )


@dataclass(frozen=True, eq=False)
class WeightedOrder:
    """The sample at each place of an epoch, if weights differ."""

    seed: int
    expected: np.ndarray
    """Expected number of places of each sample in an epoch; they sum to the number of samples."""

    def slots(self, epoch: int) -> np.ndarray:
        """The sample at each place, in the order of the samples."""
        count = len(self.expected)
        comb = np.arange(count) + (fraction(self.seed, "slots", 0, "slots") + epoch * GOLDEN) % 1.0
        found = np.searchsorted(np.cumsum(self.expected), comb, side="right")
        return found.clip(max=np.flatnonzero(self.expected)[-1])
