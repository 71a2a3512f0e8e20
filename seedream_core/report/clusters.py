"""A map of the kept samples by appearance: clusters, and the pictures nearest to each centre."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seedream_core.data.balancing.clusters import kmeans

MAPPED = 2000
"""Largest number of samples on the map, evenly spaced."""
CLUSTERS = 10
LEAST = 20
"""Samples per cluster at least, so that few samples make few clusters."""
NEAREST = 6
FEATURES = ("embedding", "appearance", "signature")
"""Features for the map: the first of these that data/curate has measured."""


@dataclass(frozen=True)
class Map:
    feature: str
    points: np.ndarray
    """N×2: the first two principal components, each from -1 to 1."""
    labels: np.ndarray
    """N: the cluster of each, the largest first."""
    nearest: tuple[tuple[int, ...], ...]
    """For each cluster, places of samples in the artifact."""
    counts: tuple[int, ...]


def draw(folder: Path, count: int) -> Map | None:
    """The map of an artifact of `count` samples; None where none of the features was measured, or there are too few
    samples.
    """
    path = next((path for name in FEATURES if (path := folder / "features" / f"{name}.npy").is_file()), None)
    if path is None or count < 2 * LEAST:
        return None
    values = np.load(path, mmap_mode="r", allow_pickle=False)
    if len(values) != count:
        return None
    places = np.arange(count) if count <= MAPPED else np.arange(MAPPED) * count // MAPPED
    rows = np.asarray(values[places], np.float32).reshape(len(places), -1)
    rows = (rows - rows.mean(0)) / max(float(rows.std()), 1e-6)
    centres, labels = kmeans(rows, min(CLUSTERS, len(places) // LEAST), 0)
    sizes = np.bincount(labels, minlength=len(centres))
    order = np.argsort(-sizes, kind="stable")
    distances = [np.where(labels == one, ((rows - centres[one]) ** 2).sum(1), np.inf) for one in order]
    nearest = tuple(
        tuple(int(places[row]) for row in np.argsort(found, kind="stable")[: min(NEAREST, sizes[one])])
        for one, found in zip(order, distances)
    )
    return Map(path.stem, _flat(rows), np.argsort(order)[labels], nearest, tuple(int(sizes[one]) for one in order))


def _flat(rows: np.ndarray) -> np.ndarray:
    """The first two principal components, each scaled to its largest value."""
    _, _, directions = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    points = rows @ directions[:2].T
    if points.shape[1] < 2:
        points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
    return points / np.maximum(np.abs(points).max(0), 1e-6)
