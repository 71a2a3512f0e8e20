"""The first of like ones stays, whatever is like a dropped one alone stays too, and clusters find nearly the same."""

import numpy as np
import pytest

from seedream_core.data.curation.dedup import semantic
from seedream_core.data.curation.dedup.semantic import SemanticDedup


def unit(values):
    return (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float16)


def keys(count):
    return [f"k{row}" for row in range(count)]


def angles(*degrees):
    return unit(np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1))


def test_a_chain_is_not_dropped_whole():
    # 0 and 8 degrees are alike (cosine 0.990), 8 and 16 are, 0 and 16 are not (0.961)
    found = SemanticDedup(min_cosine=0.985)({"embedding": angles(0, 8, 16, 90, 0)}, keys(5))
    assert found == {1: "cosine 0.990 to k0, from 0.985 on the same", 4: "cosine 1.000 to k0, from 0.985 on the same"}


@pytest.mark.parametrize("rows", [2, 7, 1024])
@pytest.mark.parametrize("clusters", [0, 5])
def test_planted_copies(monkeypatch, rows, clusters):
    monkeypatch.setattr(semantic, "ROWS", rows)
    random = np.random.default_rng(0)
    first = random.normal(size=(60, 32))
    copies = random.permutation(60)[:20]
    vectors = unit(np.concatenate([first, first[copies] + random.normal(0, 0.01, (20, 32))]))
    found = SemanticDedup(clusters=clusters)({"embedding": vectors}, keys(80))
    assert list(found) == list(range(60, 80))
    assert all(f"to k{copies[row - 60]}," in reason for row, reason in found.items())


def test_equal_at_the_top():
    vectors = unit(np.random.default_rng(0).normal(size=(3, 128)))[[0, 1, 0, 2, 1]]
    assert SemanticDedup(min_cosine=1.0)({"embedding": vectors}, keys(5)).keys() == {2, 4}
    assert SemanticDedup(clusters=9)({"embedding": vectors}, keys(5)).keys() == {2, 4}
    assert SemanticDedup()({"embedding": vectors[:0]}, []) == {}
