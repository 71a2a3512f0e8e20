"""Platt's sigmoid: it finds the true one, stays finite where sets do not overlap, and refuses what tells nothing."""

import numpy as np
import pytest

from seedream_core.errors import DataError
from seedream_core.models.dual_encoder.calibration import PRIOR, Calibration, fitted


def test_finds_the_weights_that_made_the_labels():
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (40000, 2)) + np.array([3, 1])
    own = random.random(40000) < Calibration((), 1.5, -0.8, -3.5)(logits)
    found = fitted((), logits[own], logits[~own])
    # sets count alike: the shift is then that of even odds
    even = -3.5 - np.log(own.mean() / (1 - own.mean()))
    assert (found.own, found.common) == (pytest.approx(1.5, rel=0.1), pytest.approx(-0.8, rel=0.1))
    assert found.shift == pytest.approx(even, abs=0.25)


def test_sets_apart_give_finite_weights():
    found = fitted((), np.array([[5.0, 0], [6, 0], [7, 0]]), np.array([[-5.0, 0], [-6, 0]]))
    assert 0 < found.own < 20 and found.common == pytest.approx(0, abs=1e-6)
    assert found(np.array([[6.0, 0]]))[0] > 0.9 > 0.1 > found(np.array([[-6.0, 0]]))[0]


def test_an_encoder_that_learned_nothing():
    with pytest.raises(DataError, match="learned nothing"):
        fitted((), np.array([[0.0, 0], [1, 0], [2, 0]]), np.array([[1.0, 0], [2, 0], [3, 0]]))


def test_the_fit_has_the_least_penalised_loss():
    """Cross entropy of two sets of equal weight, plus a Gaussian prior on the weights of standardised logits."""
    own, others = np.array([[5.0, 1], [6, 0], [7, 2]]), np.array([[-5.0, 0], [-6, 1]])
    found = fitted((), own, others)
    spread = np.concatenate([own, others]).std(0)

    def loss(first: float, second: float, shift: float) -> float:
        other = Calibration((), first, second, shift)
        entropy = -0.5 * (np.log(other(own)).mean() + np.log(1 - other(others)).mean())
        return entropy + 0.5 * PRIOR * ((first * spread[0]) ** 2 + (second * spread[1]) ** 2)

    best = (found.own, found.common, found.shift)
    for place in range(3):
        for change in (-0.02, 0.02):
            assert loss(*(value + change * (index == place) for index, value in enumerate(best))) > loss(*best)
