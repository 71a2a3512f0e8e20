"""Platt's sigmoid: it finds the true one, stays finite where classes do not overlap, and refuses what tells nothing."""

import numpy as np
import pytest

from seedream_core.errors import DataError
from seedream_core.models.calibration import Calibration, fitted


def test_finds_the_slope_and_shift_that_made_the_labels():
    random = np.random.default_rng(0)
    evidence = random.normal(0, 2, 40000)
    own = random.random(40000) < Calibration((), 1.5, -0.5)(evidence)
    found = fitted((), evidence[own], evidence[~own])
    # classes count alike: the shift is then that of even odds
    even = -0.5 - np.log(own.mean() / (1 - own.mean()))
    assert found.slope == pytest.approx(1.5, rel=0.2) and found.shift == pytest.approx(even, abs=0.25)


def test_classes_apart_give_a_finite_slope():
    found = fitted((), np.array([5.0, 6.0, 7.0]), np.array([-5.0, -6.0]))
    assert 0 < found.slope < 20 and found(np.array([6.0]))[0] > 0.9 > 0.1 > found(np.array([-6.0]))[0]


def test_an_encoder_that_learned_nothing():
    with pytest.raises(DataError, match="learned nothing"):
        fitted((), np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0]))
