"""Semantic duplicates: pictures of the same thing, by their embeddings (SemDeDup, arXiv:2303.09540; Seedream 2.0's
second stage).

What counts as the same depends on the encoder: ours was taught by captions, so pictures that every caption fits alike
are the same to it. Within clusters the search is n²/clusters instead of n²; what lies across a border is then missed.
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
    """Cosine from which two pictures are the same. See the pairs on the report page before you trust it: an encoder
    trained for 1,000 steps on 2,000 scenes had "an orange heart" and "an orange square" at 0.998, and 114 of the 364
    dropped at 0.98 were other things."""
    clusters: Annotated[int, Ge(0)] = 0
    """Compare within so many k-means clusters; 0 compares all with all, which takes minutes from 100,000 samples on."""

    def __call__(self, features: Mapping[str, np.ndarray], keys: Sequence[str]) -> dict[int, str]:
        vectors, found = features["embedding"], {}
        for rows in _clusters(vectors, min(self.clusters, len(vectors))) if len(vectors) else ():
            found |= self._within(vectors, rows, keys)
        return dict(sorted(found.items()))

    def _within(self, vectors: np.ndarray, rows: np.ndarray, keys: Sequence[str]) -> dict[int, str]:
        """Each row against all kept ones before it: what is like a dropped one alone stays."""
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
    """Rows of each cluster, rising; spherical k-means from far-apart starts, its centres from a part of a large set."""
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
