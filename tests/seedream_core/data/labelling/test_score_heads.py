"""Heads: their measures against independent answers, saved and loaded alike, and what is no head refused."""

import json

import numpy as np
import pytest

from seedream_core.data.labelling import score_heads
from seedream_core.data.labelling.score_heads import Head, average_precision, rank_correlation
from seedream_core.errors import DataError


def made(classes=("clean", "defect"), members=2, seed=0) -> Head:
    random, outputs = np.random.default_rng(seed), len(classes) or 1
    layers = tuple(
        (random.normal(size=(members, a, b)).astype("float32"), random.normal(size=(members, 1, b)).astype("float32"))
        for a, b in ((6, 4), (4, outputs))
    )
    return Head(
        classes,
        np.zeros(6, "float32"),
        np.ones(6, "float32"),
        layers,
        {"scorer": {"name": "appearance"}, "features": "appearance"},
    )


def test_average_precision():
    scores = np.array([0.9, 0.8, 0.7, 0.6])
    assert average_precision(scores, np.array([1, 0, 1, 0])) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(scores, np.array([1, 1, 0, 0])) == 1
    assert average_precision(scores, np.zeros(4, int)) == 0
    # equal scores are one step: their order must not matter
    assert (
        average_precision(np.full(4, 0.5), np.array([1, 0, 0, 0]))
        == average_precision(np.full(4, 0.5), np.array([0, 0, 0, 1]))
        == 0.25
    )


def test_average_precision_is_torchmetrics_too():
    import torch
    from torchmetrics.functional.classification import binary_average_precision

    random = np.random.default_rng(1)
    for _ in range(20):
        scores, truth = random.integers(0, 30, 200) / 30, random.random(200) < 0.1
        theirs = binary_average_precision(torch.tensor(scores), torch.tensor(truth.astype(int)))
        assert average_precision(scores, truth) == pytest.approx(float(theirs), abs=1e-6)


def test_rank_correlation():
    assert rank_correlation(np.array([1, 2, 3.5]), np.array([10, 20, 90])) == pytest.approx(1)
    assert rank_correlation(np.array([1, 2, 3]), np.array([3, 2, 1])) == pytest.approx(-1)
    assert rank_correlation(np.array([1, 2, 3]), np.ones(3)) == 0
    assert rank_correlation(np.array([1, 1, 2, 3]), np.array([1, 2, 3, 3])) == pytest.approx(
        4 / 4.5
    )  # ties share their mean rank


@pytest.mark.parametrize("classes", score_heads.CLASSES.values())
def test_answers(classes):
    head, features = made(classes), np.random.default_rng(2).normal(size=(50, 6)).astype("float32")
    answers = head.members(features)
    assert answers.shape == (2, 50, len(classes) or 1)
    if classes:
        assert (
            np.allclose(answers.sum(-1), 1, atol=1e-5)
            and (head.score(features) >= 0).all()
            and (head.score(features) <= 1).all()
        )
        mean = answers.mean(0)
        unsure = mean.max(1).argmin()
        assert head.doubt(features, "margin").argmax() == (np.sort(mean)[:, -1] - np.sort(mean)[:, -2]).argmin()
        if len(classes) == 2:
            assert head.doubt(features).argmax() == head.doubt(features, "margin").argmax() == unsure
            assert np.allclose(head.score(features), mean[:, 1])
    else:
        assert np.allclose(head.doubt(features), np.abs(answers[0, :, 0] - answers[1, :, 0]) / 2, atol=1e-6)
        assert np.allclose(head.score(features), answers[..., 0].mean(0), atol=1e-6)


def test_wild_features_are_bounded():
    head = made()
    assert np.array_equal(
        head.score(np.full((1, 6), 1e30, "float32")), head.score(np.full((1, 6), score_heads.LIMIT, "float32"))
    )


def test_quality_of_three_classes_counts_all_alike():
    three = made(score_heads.CLASSES["difficulty"])
    features, labels = np.random.default_rng(3).normal(size=(300, 6)).astype("float32"), np.arange(300) % 3
    by_hand = [average_precision(three.members(features).mean(0)[:, place], labels == place) for place in range(3)]
    assert score_heads.quality(three, features, labels) == pytest.approx(np.mean(by_hand))
    assert score_heads.quality(three, features[:2], np.array([0, 0])) == 1  # what is not there is not counted


def test_saved_and_loaded(tmp_path):
    both = {"defect": made(), "aesthetic": made((), 3, 1)}
    score_heads.save(tmp_path, both)
    again, features = score_heads.load(tmp_path), np.random.default_rng(4).normal(size=(5, 6)).astype("float32")
    assert again.keys() == both.keys() and again["defect"].origin == both["defect"].origin
    assert all(np.array_equal(again[task].score(features), both[task].score(features)) for task in both)


@pytest.mark.parametrize("spoil", ["classes", "format", "layers", "text", "width", "task", "gone"])
def test_what_is_no_head_is_refused(tmp_path, spoil):
    head = made()
    if spoil == "width":
        head = Head(head.classes, head.mean[:5], head.spread[:5], head.layers, head.origin)
    score_heads.save(tmp_path, {"defect": head})
    page, path = json.loads((tmp_path / "heads.json").read_text()), tmp_path / "heads.json"
    changes = {"classes": {"classes": ["a", "b"]}, "layers": {"layers": 3}}
    page["heads"]["defect"] |= changes.get(spoil, {})
    page["format"] = 9 if spoil == "format" else 1
    if spoil == "task":
        page["heads"]["taste"] = page["heads"].pop("defect")
    path.write_text("[" if spoil == "text" else json.dumps(page))
    if spoil == "gone":
        path.unlink()
    with pytest.raises(DataError, match="heads.json.*not heads made by data/label"):
        score_heads.load(tmp_path)
