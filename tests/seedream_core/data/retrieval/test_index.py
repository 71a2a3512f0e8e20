"""Exact neighbours with or without faiss, concepts without duplicates, weights towards a reference, pairs of
neighbours.
"""

import sys

import numpy as np
import pytest

from seedream_core.data.retrieval import index
from seedream_core.data.retrieval.index import Index, concept, neighbour_pairs, weights_towards
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


def test_weights_bring_a_set_to_its_reference():
    random = np.random.default_rng(0)
    one, other = np.eye(8)[:2] * 3

    def some(first, second):
        return unit(
            np.concatenate([one + random.normal(0, 0.5, (first, 8)), other + random.normal(0, 0.5, (second, 8))])
        )

    corpus, reference = some(900, 100), some(100, 100)
    weights = weights_towards(corpus, reference, temperature=0.1)
    assert weights.mean() == pytest.approx(1) and weights.shape == (1000,)
    assert 0.4 < weights[900:].sum() / weights.sum() < 0.6, "the rare half is half of the reference"
    assert weights_towards(corpus, corpus).std() < 0.1
    assert weights.max() / np.median(weights) <= 10 * (1 + 1e-5) >= np.median(weights) / weights.min()
    assert np.array_equal(weights, weights_towards(corpus, reference, temperature=0.1))


def test_neighbours_are_paired_once_and_never_with_their_copies():
    random = np.random.default_rng(0)
    centres = random.normal(size=(20, 16)) * 3
    vectors = unit(np.concatenate([centres, centres + random.normal(0, 0.3, (20, 16)), centres[:5]]))
    pairs = neighbour_pairs(Index(vectors, faiss=False), range(45), least=0.9, most=0.9999)
    used = [row for one, other, _ in pairs for row in (one, other)]
    assert len(used) == len(set(used)) and len(pairs) == 20
    assert all(one % 20 == other % 20 for one, other, _ in pairs) and all(
        0.9 <= cosine < 0.9999 for *_, cosine in pairs
    )
    assert [cosine for *_, cosine in pairs] == sorted((cosine for *_, cosine in pairs), reverse=True)
    assert neighbour_pairs(Index(vectors, faiss=False), range(45), least=0.9999, most=1.01)[0][:2] in {
        (row, row + 40) for row in range(5)
    }
