"""McNemar's exact test against values worked out by hand."""

import pytest

from seedream_core.evaluation.metrics.paired import Paired, compare


def test_counts_each_of_the_four_cases():
    paired = compare([True, True, False, False, True], [True, False, True, False, True])
    assert paired == Paired(both=2, only_first=1, only_second=1, neither=1)
    assert (paired.count, paired.differ, paired.points) == (5, 2, 0.0)


def test_p_is_the_two_sided_binomial():
    # 1 against 7 of 8: 2 * (C(8,0) + C(8,1)) / 2^8
    assert Paired(both=50, only_first=1, only_second=7, neither=2).p == pytest.approx(18 / 256)
    assert Paired(both=9, only_first=0, only_second=0, neither=1).p == 1.0
    assert Paired(both=9, only_first=3, only_second=3, neither=1).p == 1.0


def test_margin_counts_what_differs_and_never_closes():
    assert Paired(both=90, only_first=0, only_second=0, neither=10).margin == pytest.approx(196 / 102)
    # b=4, c=12, n=100: 1.96 * sqrt(17 - 64/102) / 102, in points
    paired = Paired(both=80, only_first=4, only_second=12, neither=4)
    assert paired.points == 8.0
    assert paired.margin == pytest.approx(7.775, abs=1e-3)


def test_unequal_or_empty_lists_are_refused():
    with pytest.raises(ValueError):
        compare([True], [True, False])
    with pytest.raises(ValueError):
        compare([], [])
