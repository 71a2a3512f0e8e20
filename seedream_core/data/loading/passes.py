"""Passes over the data for contrastive training: weights without repeats, similar samples side by side.

A pass holds every sample at most once, so that none is its own negative: those of the highest weight are in every
pass, the others in as many as their weight is of it, by systematic sampling (as in `data/loading/weights.py`; our
choice). A pass is never shorter than a batch: where batches are large for the data, that evens the weights out.
"""

from collections.abc import Sequence

import numpy as np

from seedream_core.data.loading.hard_negatives import SimilarOrder
from seedream_core.data.loading.schedules import Schedule
from seedream_core.data.loading.weights import GOLDEN, REPEATS, capped
from seedream_core.errors import UserError
from seedream_core.randomness import fraction


class Passes(Schedule):
    """Passes over the data in runs of `group` similar samples; each sample stands as its main caption and the ids of
    its words.
    """

    def __init__(
        self,
        seed: int,
        texts: Sequence[str],
        words: Sequence[Sequence[int]],
        weights: np.ndarray,
        group: int,
        global_batch: int,
    ) -> None:
        super().__init__(global_batch)
        self.seed, self.texts, self.words, self.group = seed, texts, words, group
        asked = capped(weights)
        if (count := np.count_nonzero(asked)) < 2:
            raise UserError(
                f"weights: only {count} of {len(texts)} training samples has a weight above 0, but a contrastive loss "
                "needs at least two",
                "give more of them a weight: data/balance does",
            )
        # Taken more often than there are batches, a sample would have to meet itself.
        expected = capped(weights, min(REPEATS, max(1, len(texts) / global_batch)))
        self.warning = _evened(asked, expected, global_batch)
        self.size = int(len(texts) / expected.max() + 1e-6)
        self.ends, self.last = np.cumsum(expected) * (self.size / len(texts)), np.flatnonzero(expected)[-1]

    def __len__(self) -> int:
        return self.size

    def order(self, epoch: int) -> np.ndarray:
        comb = np.arange(self.size) + (fraction(self.seed, "slots", 0, "slots") + epoch * GOLDEN) % 1.0
        taken = np.searchsorted(self.ends, comb, side="right").clip(max=self.last)
        # Runs are of the samples that are taken: those of all, thinned out, would no longer be alike.
        similar = SimilarOrder([self.texts[row] for row in taken], [self.words[row] for row in taken], self.group)
        return taken[similar.order(self.seed, epoch, self.size).numpy()]


def _evened(asked: np.ndarray, expected: np.ndarray, global_batch: int) -> str:
    """What to tell where batches are too large for the weights; "" where they are not."""
    wanted, found = (float(weights[weights > 0].min() / weights.max()) for weights in (asked, expected))
    if found <= wanted * (1 + 1e-9):  # what sharing out rounds
        return ""
    fits = int(len(asked) / asked.max())
    return (
        f"weights: {len(asked)} samples in batches of {global_batch} leave them too little room: the lightest are "
        f"taken in {found:.2g} of the "
        f"passes, where their weight asks for {wanted:.2g}"
        + f"; with a train.global_batch of at most {fits} it counts as it is"
        * (fits > 1)
    )
