"""Heads from labels: what can be learnt is, rare classes count as much as common ones, the same seed gives the same
head.
"""

import numpy as np
import pytest

from seedream_core.data.labelling.head_training import MEMBERS, fit
from seedream_core.data.labelling.score_heads import CLASSES, measure, quality


def points(count, seed, task):
    random = np.random.default_rng(seed)
    features = random.normal(size=(count, 8)).astype("float32") * 3 + 1
    if task == "defect":
        return features, (features[:, 0] + features[:, 1] > 8.2).astype(int)  # 7% of them
    return features, np.digitize(features[:, 2], [0, 4]) if task == "difficulty" else features[:, 0] * 2 - features[
        :, 3
    ] + 100


@pytest.mark.parametrize("task", CLASSES)
@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_learns(task, kind):
    (features, labels), (others, truth) = points(600, 0, task), points(2000, 1, task)
    mean, spread = measure(features)
    head = fit(features, labels, CLASSES[task], kind, mean, spread, 0)
    assert quality(head, others, truth) > (
        0.95 if kind == "linear" else 0.85
    )  # some 45 positives are few for a network
    assert len(head.layers[0][0]) == (1 if kind == "linear" and task != "aesthetic" else MEMBERS)
    again, other = (fit(features, labels, CLASSES[task], kind, mean, spread, seed) for seed in (0, 1))
    assert np.array_equal(head.score(others), again.score(others))
    if len(head.layers[0][0]) > 1:
        assert not np.array_equal(head.score(others), other.score(others)) and head.doubt(others).std() > 0
    if task == "aesthetic":
        assert np.abs(head.score(others) - truth).mean() < 0.25 * truth.std()


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_rare_classes_count_alike(kind):
    features, labels = points(1000, 2, "defect")
    head = fit(features, labels, CLASSES["defect"], kind, *measure(features), 0)
    others, truth = points(4000, 3, "defect")
    answers = head.score(others) > 0.5
    assert answers[truth == 1].mean() > 0.9 and (~answers[truth == 0]).mean() > 0.9


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_one_class_alone_is_no_error(kind):
    features, _ = points(20, 0, "defect")
    head = fit(features, np.zeros(20), CLASSES["defect"], kind, *measure(features), 0)
    assert np.isfinite(head.doubt(features)).all() and head.score(features).max() < 0.5


def test_no_global_randomness_is_used():
    import torch

    features, labels = points(100, 0, "defect")
    before = torch.random.get_rng_state()
    fit(features, labels, CLASSES["defect"], "mlp", *measure(features), 0)
    assert torch.equal(before, torch.random.get_rng_state())
