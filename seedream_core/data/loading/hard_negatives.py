"""Orders captions so that similar ones share a contrastive batch: hard negatives for the dual encoder (our choice).

Captions are sorted by their words, the words by a random rank that each epoch draws again: neighbours share the words
of low rank, and over the epochs neighbours come to differ in every word. Sorting takes O(n log n); a search for the
nearest neighbour of each caption takes O(n²).
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from seedream_core.randomness import generator


class SimilarOrder:
    """Captions by position, each with the ids of its words."""

    def __init__(self, texts: Sequence[str], words: Iterable[Sequence[int]], group: int) -> None:
        self.texts, self.group = texts, group
        self.words = [sorted(set(ids)) for ids in words]
        self.vocabulary = 1 + max((ids[-1] for ids in self.words if ids), default=0)
        self._last: tuple[tuple[int, int], Tensor] | None = None

    def order(self, seed: int, epoch: int, count: int) -> Tensor:
        """The permutation of an epoch; the last one is cached."""
        if self._last is None or self._last[0] != (seed, epoch):
            self._last = (seed, epoch), self._order(seed, epoch, count)
        return self._last[1]

    def _order(self, seed: int, epoch: int, count: int) -> Tensor:
        """Runs of `group` similar captions, in random order.

        Equal captions are not negatives of each other: one of each comes first, then the second ones, and so on.
        """

        def draw(size: int, purpose: str) -> list[int]:
            return torch.randperm(size, generator=generator(seed, "similar", epoch, purpose)).tolist()

        shuffled, rank = draw(count, "order"), draw(self.vocabulary, "words")
        seen: Counter[str] = Counter()
        turn = [0] * count
        for position in shuffled:
            turn[position] = seen[self.texts[position]]
            seen[self.texts[position]] += 1
        keys = [sorted(rank[word] for word in ids) for ids in self.words]
        # sorted() is stable: captions of the same words stay in their random order
        met = torch.tensor(sorted(shuffled, key=lambda position: (turn[position], keys[position])))
        runs = met.split(self.group)
        return torch.cat([runs[place] for place in draw(len(runs), "runs")])
