"""Weighted sampling without state: which sample takes which place of an epoch, by systematic resampling (our choice).

In an epoch of n places, sample i takes floor or ceil of n·w_i / Σw of them: less variance than independent draws, and
with equal weights each sample takes its own place. From epoch to epoch the comb moves on by the golden ratio, which
evens out what the rounding gave to one and kept from another faster than chance would.
"""

from dataclasses import dataclass

import numpy as np

from seedream_core.errors import DataError
from seedream_core.randomness import fraction

REPEATS = 16
"""Training takes no sample more often per epoch than this, whatever its weight: it would be learnt by heart.

Only where fewer than one in so many has a weight at all, an epoch has nothing else to take.
"""
GOLDEN = (5**0.5 - 1) / 2


def capped(weights: np.ndarray, most: float = REPEATS) -> np.ndarray:
    """Weights scaled to mean 1, none above `most`; what the cap takes off is shared out among the others by weight.

    Where those with a weight at that cap do not fill an epoch (6 of 300 at 5), they all get the same, above `most`: 50.
    """
    weights = np.asarray(weights, np.float64)
    if not weights.any():
        raise DataError("all samples have the weight 0", "give some a weight: data/balance does")
    if (weights == weights[0]).all():
        return np.ones(len(weights))
    order = np.argsort(-weights, kind="stable")
    sorted_, places = weights[order], np.arange(len(weights))
    left = np.cumsum(sorted_[::-1])[::-1]
    # The first place from which on all fit under the cap: those before it are cut to it.
    fits = sorted_ * (len(weights) - most * places) <= most * left
    cut = int(np.argmax(fits)) if fits.any() else len(weights)
    if cut < len(weights) and left[cut] > 0:
        sorted_ = np.where(places < cut, most, sorted_ * (len(weights) - most * cut) / left[cut])
    else:  # fewer samples have weight than the cap asks for: all of them alike, as often as it takes
        sorted_ = (sorted_ > 0) * (len(weights) / np.count_nonzero(sorted_))
    result = np.empty_like(sorted_)
    result[order] = sorted_
    return result


def above(weights: np.ndarray, most: float) -> str:
    """What to tell of capped weights that are above the cap all the same; "" where none is."""
    if weights.max() <= most * (1 + 1e-9):  # what sharing out rounds
        return ""
    return (
        f"repeats: only {np.count_nonzero(weights)} of {len(weights)} samples have a weight, too few to fill an epoch "
        f"at {most:g} times each: each comes {weights.max():.4g} times"
    )


@dataclass(frozen=True, eq=False)
class WeightedOrder:
    """The samples of an epoch's places, where they do not count alike."""

    seed: int
    expected: np.ndarray
    """Places of each sample in an epoch, on average; they sum to the number of samples."""

    def slots(self, epoch: int) -> np.ndarray:
        """The sample at each place, in the order of the samples."""
        count = len(self.expected)
        comb = np.arange(count) + (fraction(self.seed, "slots", 0, "slots") + epoch * GOLDEN) % 1.0
        found = np.searchsorted(np.cumsum(self.expected), comb, side="right")
        return found.clip(max=np.flatnonzero(self.expected)[-1])
