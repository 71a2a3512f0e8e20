"""Nearest-neighbour search over embeddings by exact search (our choice), and retrieval of the samples nearest to a
concept's examples (Seedream 3.0's cross-modal retrieval).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from seedream_core.errors import UserError
from seedream_core.extras import extra

ROWS = 16384
"""Number of vectors compared at once: with 64 queries, 4 MB of products."""
QUERIES = 64
SLACK = 1e-4
"""Largest difference between two ways to compute a cosine in float32: within it, float64 decides."""
FUSED = 60  # Cormack, Clarke and Büttcher 2009
DEEPER = 4


class Index:
    """Unit vectors, N×dim in float16 or float32, maybe mapped from a file. faiss searches where it is installed."""

    def __init__(self, vectors: np.ndarray, faiss: bool | None = None) -> None:
        self.vectors = vectors
        self.faiss = None if faiss is False else _faiss(vectors, needed=faiss is True)

    def __len__(self) -> int:
        return len(self.vectors)

    def nearest(self, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows and cosines of the `count` nearest of each query, Q×count, nearest first; of equal ones the first row.

        The same rows whatever computes them: whoever lies within SLACK of the last place is compared in float64.
        """
        count = min(count, len(self))
        rows, cosines = np.zeros((len(queries), count), np.int64), np.zeros((len(queries), count), np.float32)
        search = self._faiss if self.faiss else self._blocks
        for first in range(0, len(queries) if count else 0, QUERIES):
            some = np.ascontiguousarray(queries[first : first + QUERIES], np.float32)
            for place, near in enumerate(search(some, count), first):
                exact = self.vectors[near].astype(np.float64) @ queries[place].astype(np.float64)
                best = np.lexsort((near, -exact))[:count]
                rows[place], cosines[place] = near[best], exact[best]
        return rows, cosines

    def _blocks(self, queries: np.ndarray, count: int) -> list[np.ndarray]:
        """For each query, in ascending order, every row that may be among its nearest neighbours."""
        last = np.full((len(queries), count), -np.inf, np.float32)
        found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for first in range(0, len(self), ROWS):
            products = queries @ np.asarray(self.vectors[first : first + ROWS], np.float32).T
            both = np.concatenate([last, products], axis=1)
            last = -np.partition(-both, count - 1, axis=1)[:, :count]
            near = products >= last.min(axis=1, keepdims=True) - SLACK
            query, row = np.nonzero(near)
            found.append((query, row + first, products[near]))
        query, row, product = (np.concatenate(parts) for parts in zip(*found))
        near = product >= last.min(axis=1)[query] - SLACK
        query, row = query[near], row[near]
        return [row[query == number] for number in range(len(queries))]

    def _faiss(self, queries: np.ndarray, count: int) -> list[np.ndarray]:
        products, _ = self.faiss.search(queries, count)
        found = []
        for query, last in zip(queries, products.min(axis=1)):
            _, _, rows = self.faiss.range_search(query[None], float(last) - SLACK)
            found.append(np.sort(rows))
        return found


def _faiss(vectors: np.ndarray, needed: bool) -> Any:
    """A faiss index of the vectors; None if the package is missing and not required."""
    try:
        faiss = extra("faiss", "data", "retrieval")
    except UserError:
        if needed:
            raise
        return None
    index = faiss.IndexFlatIP(vectors.shape[1])
    for first in range(0, len(vectors), ROWS):
        index.add(np.ascontiguousarray(vectors[first : first + ROWS], np.float32))
    return index


@dataclass(frozen=True)
class Found:
    """One retrieved sample: its row, and its cosine similarity to the nearest example."""

    row: int
    cosine: float


def concept(index: Index, texts: np.ndarray, pictures: np.ndarray, count: int, same: float) -> list[Found]:
    """The samples nearest to a concept's examples, at most `count`, best first (concept injection).

    Examples are asked one by one and their ranks added up: cosines between two pictures and between a picture and a
    text have no scale in common. Of samples nearer to each other than `same`, the first is taken.
    """
    examples = np.concatenate([texts, pictures])
    merit: dict[int, float] = {}
    cosine: dict[int, float] = {}
    rows, cosines = index.nearest(examples, DEEPER * count)
    for near, likeness in zip(rows, cosines):
        for rank, (row, value) in enumerate(zip(near.tolist(), likeness.tolist())):
            merit[row] = merit.get(row, 0.0) + 1 / (FUSED + rank)
            cosine[row] = max(cosine.get(row, -1.0), value)
    taken: list[Found] = []
    kept = np.empty((0, examples.shape[1]), np.float32)
    for row in sorted(merit, key=lambda row: (-merit[row], row)):
        vector = index.vectors[row].astype(np.float32)
        if len(taken) < count and not (len(kept) and (kept @ vector).max() > same):
            taken.append(Found(row, cosine[row]))
            kept = np.vstack([kept, vector])
    return taken
