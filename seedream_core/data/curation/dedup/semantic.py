"""Semantic duplicates: pictures of the same content, by their embeddings (SemDeDup, arXiv:2303.09540; second stage of
Seedream 2.0's data filtering).

Which pictures count as the same depends on the encoder: ours was trained on captions, so it cannot distinguish pictures
that fit the same captions. With clusters the search takes n²/clusters comparisons instead of n², and pairs across
cluster borders are missed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le

from seedream_core.data.curation.dedup import Dedup
from seedream_core.randomness import fraction

ROWS = 1024
ROUNDS = 10


@dataclass(frozen=True, kw_only=True)
class SemanticDedup(Dedup):
    needs: ClassVar[tuple[str, ...]] = ("embedding",)
    renamed: ClassVar[Mapping[str, str]] = {"above": "min_cosine"}
    min_cosine: Annotated[float, Gt(0), Le(1)] = 0.98
    """Cosine similarity from which two pictures are the same. Look at the pairs on the report page before you trust a
    value: an encoder trained for 1,000 steps on 2,000 scenes gave "an orange heart" and "an orange square" 0.998,
    and 114 of the 364 pictures dropped at 0.98 showed other things."""
    clusters: Annotated[int, Ge(0)] = 0
    """Number of k-means clusters within which pictures are compared; 0 compares all with all, which takes minutes from
    100,000 samples on."""

    def __call__(self, features: Mapping[str, np.ndarray], keys: Sequence[str]) -> dict[int, str]:
        vectors, found = features["embedding"], {}
        for rows in _clusters(vectors, min(self.clusters, len(vectors))) if len(vectors) else ():
            found |= self._within(vectors, rows, keys)
        return dict(sorted(found.items()))

    def _within(self, vectors: np.ndarray, rows: np.ndarray, keys: Sequence[str]) -> dict[int, str]:
        """Compares each row with all kept rows before it; a row similar only to a dropped row is kept."""
        found: dict[int, str] = {}
        kept = np.empty((len(rows), vectors.shape[1]), np.float32)
        owners: list[int] = []
        for first in range(0, len(rows), ROWS):
            block = np.asarray(vectors[rows[first : first + ROWS]], np.float32)
            before = len(owners)
            earlier = block @ kept[:before].T
            inside = block @ block.T
            new: list[int] = []
            for place, row in enumerate(rows[first : first + ROWS].tolist()):
                likeness = np.concatenate([earlier[place], inside[place, new]])
                # rounded: float16 lets a vector's product with itself fall below 1
                like = np.flatnonzero(likeness.round(3) >= self.min_cosine)
                if len(like):
                    found[row] = (
                        f"cosine {likeness[like[0]]:.3f} to {keys[owners[like[0]]]}, "
                        f"from {self.min_cosine:.3f} on the same"
                    )
                    continue
                kept[len(owners)] = block[place]
                owners.append(row)
                new.append(place)
        return found


def _clusters(vectors: np.ndarray, count: int) -> list[np.ndarray]:
    """Rows of each cluster, ascending; spherical k-means from far-apart starts, with centres computed on a part of a
    large set.
    """
    if count < 2:
        return [np.arange(len(vectors))]
    rows = sorted(range(len(vectors)), key=lambda row: fraction(0, str(row), 0, "k-means"))[: max(50 * count, ROWS)]
    some = np.asarray(vectors[sorted(rows)], np.float32)
    centres = some[:1]
    while len(centres) < count:
        centres = np.vstack([centres, some[(some @ centres.T).max(axis=1).argmin()]])
    for _ in range(ROUNDS):
        nearest = (some @ centres.T).argmax(axis=1)
        for number in range(count):
            if len(members := some[nearest == number]):
                centres[number] = members.sum(0) / max(1e-9, np.linalg.norm(members.sum(0)))
    labels = np.concatenate(
        [
            (np.asarray(vectors[first : first + ROWS], np.float32) @ centres.T).argmax(axis=1)
            for first in range(0, len(vectors), ROWS)
        ]
    )
    return [np.flatnonzero(labels == number) for number in range(count) if (labels == number).any()]
