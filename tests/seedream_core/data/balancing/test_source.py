"""Large sources are made smaller, and stay the larger ones."""

import numpy as np
import pytest

from seedream_core.data.balancing import Crowd
from seedream_core.data.balancing.source import SourceBalance


def test_shares_follow_the_power_and_keep_their_order():
    sources = ["web"] * 900 + ["books"] * 90 + ["maps"] * 10
    balanced = SourceBalance(alpha=0.5)(Crowd(np.zeros((1000, 1)), [{}] * 1000, sources))
    shares = balanced.concepts["sources"].shares(balanced.weights)
    assert shares == pytest.approx(np.sqrt([900, 90, 10]) / np.sqrt([900, 90, 10]).sum())
    assert shares[0] > shares[1] > shares[2] and shares[0] < 0.9
    assert SourceBalance(alpha=1.0)(Crowd(np.zeros((1000, 1)), [{}] * 1000, sources)).weights.std() == 0
