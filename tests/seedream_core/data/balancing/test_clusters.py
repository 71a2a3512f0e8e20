"""Clusters: what lies apart gets clusters of its own, small groups too; levels nest; the same for the same seed."""

import numpy as np
import pytest

from seedream_core.data.balancing import clusters as module
from seedream_core.data.balancing.clusters import assign, kmeans, tree


@pytest.fixture(scope="module")
def groups() -> tuple[np.ndarray, np.ndarray]:
    """Eight groups of very different sizes, four near pairs of them."""
    random = np.random.default_rng(0)
    sizes = (900, 300, 90, 30, 300, 90, 30, 10)
    truth = np.repeat(np.arange(8), sizes)
    centres = np.repeat(10 * np.eye(4), 2, axis=0) + np.tile([[0.0] * 4, [1.5] * 4], (4, 1))
    return (centres[truth] + 0.1 * random.standard_normal((len(truth), 4))).astype(np.float32), truth


def test_groups_are_found_whatever_their_size(groups):
    points, truth = groups
    _, labels = kmeans(points, 8, 0)
    assert len({(a, b) for a, b in zip(labels, truth)}) == 8  # one cluster for each group, and back


def test_levels_nest_and_the_coarse_one_ignores_how_often(groups):
    points, truth = groups
    paths = tree(points, (4, 40), 0)
    assert paths.shape == (len(points), 2)
    assert len({(fine, coarse) for coarse, fine in paths}) == paths[:, 1].max() + 1 <= 40
    assert len({(coarse, pair) for coarse, pair in zip(paths[:, 0], truth // 2)}) == 4


def test_the_same_seed_the_same_clusters(groups):
    points, _ = groups
    assert (tree(points, (3, 9), 5) == tree(points.copy(), (3, 9), 5)).all()
    assert (tree(points, (3, 9), 5) != tree(points, (3, 9), 6)).any()


def test_fewer_points_than_clusters():
    centres, labels = kmeans(np.float32([[0, 0], [0, 0], [1, 1]]), 9, 0)
    assert len(centres) == 2 and labels[0] == labels[1] != labels[2]


def test_a_large_set_is_learnt_from_a_part_and_assigned_in_parts(groups, monkeypatch):
    points, _truth = groups
    monkeypatch.setattr(module, "LEARN", 600)
    monkeypatch.setattr(module, "CHUNK", 100)
    centres, labels = kmeans(points, 8, 0)
    whole = ((points[:, None] - centres) ** 2).sum(2)
    assert (labels == whole.argmin(1)).all()
    assert np.allclose(assign(points, centres)[1], whole.min(1), atol=1e-3)
