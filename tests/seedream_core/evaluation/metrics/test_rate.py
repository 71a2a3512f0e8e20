"""The interval of a share is Wilson's, against R."""

import pytest

from seedream_core.evaluation.metrics.rate import Rate


def test_interval_is_wilsons():
    """Against the values of R's prop.test without correction."""
    assert Rate(85, 100).interval == pytest.approx((0.7672, 0.9069), abs=1e-4)
    assert Rate(100, 100).interval == pytest.approx((0.9630, 1.0), abs=1e-4)
    assert Rate(0, 10).interval == pytest.approx((0.0, 0.2775), abs=1e-4)
