"""Hierarchical k-means: clusters samples, then clusters the cluster centres (Vo et al. 2024, arXiv:2405.15613).

The centres of small clusters are less dense than the samples, so clustering them gives groups that follow the kinds of
content and not their frequencies. Uses only numpy; deterministic for a seed.
"""

import numpy as np

LEARN = 50_000  # samples used to compute centres; the rest is only assigned
ROUNDS = 25
CHUNK = 8192


def tree(features: np.ndarray, counts: tuple[int, ...], seed: int) -> np.ndarray:
    """N×levels: each sample's cluster at each level, the coarsest first; `counts` are the numbers of clusters,
    ascending.
    """
    points = np.asarray(features, np.float32)
    levels: list[np.ndarray] = []
    for level, count in enumerate(reversed(counts)):
        centres, labels = kmeans(points, count, seed + level)
        levels = [labels] if not levels else [labels[levels[0]], *levels]
        points = centres
    return np.stack(levels, axis=1)


def kmeans(points: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Centres, and the index of the nearest one for every point; fewer centres if there are fewer different points."""
    sample = points[:: -(-len(points) // LEARN)]
    centres = _seeds(sample, count, np.random.Generator(np.random.PCG64(seed)))
    for _ in range(ROUNDS):
        labels, _ = assign(sample, centres)
        sizes = np.bincount(labels, minlength=len(centres))
        sums = np.zeros_like(centres, np.float64)
        np.add.at(sums, labels, sample)
        moved = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], centres).astype(np.float32)
        if np.array_equal(moved, centres):
            break
        centres = moved
    labels, _ = assign(points, centres)
    used, labels = np.unique(labels, return_inverse=True)
    return centres[used], labels


def assign(points: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest centre of each point, and the squared distance to it."""
    labels, distances = [], []
    norms = (centres**2).sum(1)
    for start in range(0, len(points), CHUNK):
        part = points[start : start + CHUNK]
        all_ = norms - 2 * part @ centres.T
        labels.append(all_.argmin(1))
        distances.append(all_.min(1) + (part**2).sum(1))
    return np.concatenate(labels), np.maximum(np.concatenate(distances), 0)


def _seeds(points: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """k-means++: each next centre is drawn with probability proportional to its squared distance to those before."""
    chosen = [int(random.random() * len(points))]
    _, nearest = assign(points, points[chosen])
    while len(chosen) < count and nearest.max() > 1e-9:
        total = np.cumsum(nearest, dtype=np.float64)
        chosen.append(int(np.searchsorted(total, random.random() * total[-1], side="right").clip(max=len(points) - 1)))
        nearest = np.minimum(nearest, assign(points, points[chosen[-1:]])[1])
    return points[chosen]
