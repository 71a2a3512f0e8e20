"""Every row once per epoch, or as often as its weight says; a schedule is a pure function of the step."""

from collections import Counter

import numpy as np

from seedream_core.data.loading.schedules import Shuffled, Weighted, permutation
from seedream_core.data.loading.weights import WeightedOrder

COUNT = 23


def test_every_sample_once_per_epoch_in_a_new_order():
    drawn = [i for step in range(23) for i in Shuffled(5, COUNT, 8).rows(step)]
    epochs = [drawn[e * COUNT : (e + 1) * COUNT] for e in range(8)]
    assert all(sorted(epoch) == list(range(COUNT)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 8
    assert permutation(5, 0, COUNT).tolist() == epochs[0]
    assert Shuffled(6, COUNT, 8).rows(0) != Shuffled(5, COUNT, 8).rows(0)


def test_a_batch_larger_than_the_data():
    assert sorted(set(Shuffled(0, 5, 64).rows(3))) == [0, 1, 2, 3, 4]


def test_what_was_asked_before_changes_nothing():
    expected = np.array([0.0, 3.0] + [20 / 21] * 21)
    for make in (lambda: Shuffled(1, COUNT, 8), lambda: Weighted(WeightedOrder(1, expected), 8)):
        asked = make()
        back_and_forth = [asked.rows(step) for step in (7, 0, 2, 7)]
        assert back_and_forth == [make().rows(step) for step in (7, 0, 2, 7)]
        assert len(asked) == COUNT


def test_weights_are_exact_over_epochs():
    expected = np.array([0.0, 3.0] + [20 / 21] * 21)
    weighted = Weighted(WeightedOrder(1, expected), COUNT)
    taken = Counter(row for epoch in range(42) for row in weighted.rows(epoch))
    assert 0 not in taken and abs(taken[1] - 42 * 3) <= 2 and all(abs(taken[row] - 40) <= 2 for row in range(2, COUNT))
