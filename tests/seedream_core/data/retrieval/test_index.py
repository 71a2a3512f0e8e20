"""Exact neighbours with or without faiss, concepts without duplicates, weights towards a reference, pairs of
neighbours.
"""

import sys

import numpy as np
import pytest

from seedream_core.data.retrieval import index
from seedream_core.data.retrieval.index import Index, concept
from seedream_core.errors import UserError


def unit(values):
    return (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float16)


@pytest.fixture
def vectors():
    return unit(np.random.default_rng(0).normal(size=(3000, 16)))


def brute(vectors, queries, count):
    cosines = queries.astype(np.float64) @ vectors.astype(np.float64).T
    return np.stack([np.lexsort((np.arange(len(vectors)), -row))[:count] for row in cosines])


@pytest.mark.parametrize("rows", [64, 100, 16384])
def test_exact_in_blocks(vectors, monkeypatch, rows):
    monkeypatch.setattr(index, "ROWS", rows)
    queries = np.random.default_rng(1).normal(size=(70, 16)).astype(np.float32)
    found, cosines = Index(vectors, faiss=False).nearest(queries, 7)
    assert np.array_equal(found, brute(vectors, queries, 7)) and (np.diff(cosines, axis=1) <= 0).all()


def test_equal_vectors_come_in_order(vectors):
    many = np.concatenate([vectors[:5], np.repeat(vectors[3:4], 50, axis=0)])
    found, cosines = Index(many, faiss=False).nearest(vectors[3:4].astype(np.float32), 10)
    assert found[0].tolist() == [3, *range(5, 14)] and cosines[0] == pytest.approx(1, abs=1e-3)
    assert Index(many[:3], faiss=False).nearest(vectors[:2], 10)[0].shape == (2, 3)
    assert Index(many[:0], faiss=False).nearest(vectors[:2], 10)[0].shape == (2, 0)


def test_faiss_finds_the_same_rows(vectors):
    pytest.importorskip("faiss")
    many, queries = np.concatenate([vectors, vectors[:500]]), vectors[::40].astype(np.float32)
    for count in (1, 5, 20):
        ours, theirs = Index(many, faiss=False).nearest(queries, count), Index(many, faiss=True).nearest(queries, count)
        assert np.array_equal(ours[0], theirs[0]) and np.array_equal(ours[1], theirs[1])


def test_without_faiss(vectors, monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    assert Index(vectors).faiss is None
    with pytest.raises(UserError, match="needs the package faiss"):
        Index(vectors, faiss=True)


def test_a_concept_is_found_by_texts_and_pictures_without_its_duplicates():
    random = np.random.default_rng(0)
    # pictures lie apart from texts, as in every dual encoder: a shared direction for each kind
    red, blue, picture, text = np.eye(16)[:4] * 3
    reds, blues = (
        red + 2 * picture + random.normal(0, 0.3, (40, 16)),
        blue + 2 * picture + random.normal(0, 0.3, (200, 16)),
    )
    vectors = unit(np.concatenate([blues[:100], reds, reds[:5] + 1e-4, blues[100:]]))
    found = concept(
        Index(vectors, faiss=False), unit(red + text)[None], vectors[100:102].astype(np.float32), 30, same=0.999
    )
    rows = [one.row for one in found]
    assert len(rows) == 30 and all(100 <= row < 145 for row in rows)
    assert not {row + 40 for row in rows if row < 105} & set(rows), "a picture is taken twice"
    assert found[0].row in (100, 101) and found[0].cosine == pytest.approx(1, abs=2e-3)
    by_text = concept(Index(vectors, faiss=False), unit(red + text)[None], np.empty((0, 16), np.float32), 20, same=1.0)
    assert all(100 <= one.row < 145 for one in by_text)
