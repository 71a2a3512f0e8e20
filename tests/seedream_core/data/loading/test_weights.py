"""Weighted places: floor or ceil of the expected number in every epoch, exact over epochs, capped, and a pure
function.
"""

import numpy as np
import pytest

from seedream_core.data.loading.weights import WeightedOrder, above, capped
from seedream_core.errors import DataError


def drawn(weighted: WeightedOrder, epoch: int) -> np.ndarray:
    return np.bincount(weighted.slots(epoch), minlength=len(weighted.expected))


def test_weights_are_scaled_to_mean_one_and_keep_their_ratios():
    assert capped(np.array([1.0, 3.0, 0.0, 4.0])).tolist() == [0.5, 1.5, 0.0, 2.0]
    assert capped(np.full(7, 0.3)).tolist() == [1.0] * 7


def test_the_cap_shares_out_what_it_takes():
    weights = np.array([100.0, 50.0, *[1.0] * 58, *[0.5] * 40])
    result = capped(weights, 4.0)
    assert result[:2].tolist() == [4.0, 4.0] and result.sum() == pytest.approx(100) and result.max() == 4.0
    assert result[2] / result[-1] == pytest.approx(2.0)  # those under it keep their ratio
    assert capped(weights, 1e9).tolist() == pytest.approx((weights * 100 / weights.sum()).tolist())
    cascade = capped(np.array([9.0, 4.0, 1.0, 1.0]), 1.5)  # cutting the first puts the second over it
    assert cascade.tolist() == pytest.approx([1.5, 1.5, 0.5, 0.5])
    assert capped(np.array([5.0, 0, 0, 0, 0, 0]), 2.0).tolist() == [6.0, 0, 0, 0, 0, 0]  # nobody else is left
    with pytest.raises(DataError, match="weight 0"):
        capped(np.zeros(3))


def test_too_few_weighted_ones_come_more_often_and_it_is_reported():
    few = np.zeros(300)
    few[:6] = np.arange(1, 7)
    assert set(capped(few, 5.0).tolist()) == {0.0, 50.0}
    assert above(capped(few, 5.0), 5.0) == (
        "repeats: only 6 of 300 samples have a weight, too few to fill an epoch at 5 times each: each comes 50 times"
    )
    assert above(capped(few, 60.0), 60.0) == "" and above(capped(np.ones(9), 1.0), 1.0) == ""
    exact = np.zeros(300)
    exact[:60] = np.random.default_rng(0).uniform(0.5, 2, 60)  # just enough at the cap
    for weights in (exact, np.random.default_rng(1).pareto(0.7, 300)):
        assert above(capped(weights, 5.0), 5.0) == ""


def test_every_epoch_takes_floor_or_ceil():
    weights = np.random.default_rng(0).pareto(1.2, 500)
    weighted = WeightedOrder(3, capped(weights))
    for epoch in range(40):
        slots = weighted.slots(epoch)
        counts = drawn(weighted, epoch)
        assert len(slots) == 500 and (np.diff(slots) >= 0).all()
        assert (counts >= np.floor(weighted.expected - 1e-9)).all() and (
            counts <= np.ceil(weighted.expected + 1e-9)
        ).all()
    assert counts.max() <= 16


def test_frequencies_match_weights_within_one_percent():
    weights = np.random.default_rng(1).uniform(0.2, 3, 400)
    weighted = WeightedOrder(7, capped(weights))
    total = sum(drawn(weighted, epoch) for epoch in range(200))
    assert (
        np.abs(total - 200 * weighted.expected).max() < 3
    )  # independent draws would be off by 14 at one draw an epoch
    assert np.abs(total / 200 / weighted.expected - 1).mean() < 0.01


def test_weight_zero_is_never_taken():
    weighted = WeightedOrder(0, capped(np.array([0.0, 1.0, 2.0, 0.0, 1.0, 0.0])))
    assert not {0, 3, 5} & {int(i) for epoch in range(50) for i in weighted.slots(epoch)}


def test_the_same_after_a_resume_and_for_another_seed_another():
    expected = capped(np.random.default_rng(2).uniform(0.2, 3, 100))
    assert WeightedOrder(1, expected).slots(9).tolist() == WeightedOrder(1, expected.copy()).slots(9).tolist()
    assert WeightedOrder(1, expected).slots(9).tolist() != WeightedOrder(2, expected).slots(9).tolist()
