"""A pass holds a sample at most once, in as many passes as its weight is of the highest; too large batches say so."""

from collections import Counter

import numpy as np
import pytest

from seedream_core.data.loading.passes import Passes
from seedream_core.errors import UserError


def passes(weights, group=4, global_batch=16) -> Passes:
    places = range(len(weights))
    return Passes(
        0,
        [f"caption {place % 90}" for place in places],
        [[place % 7, 7 + place % 90] for place in places],
        np.asarray(weights, float),
        group,
        global_batch,
    )


def test_a_pass_takes_each_sample_once_and_the_heavier_more_often():
    weights = [0.0] * 40 + [0.5] * 80 + [1.0] * 60 + [3.0] * 20
    one, epochs = passes(weights), 60
    made = [one.order(epoch).tolist() for epoch in range(epochs)]
    assert len(one) == 53 and all(len(set(order)) == len(order) == 53 for order in made)  # 160 of weight in all, by 3
    assert made == [passes(weights).order(epoch).tolist() for epoch in range(epochs)] and made[0] != made[1]
    taken = Counter(row for order in made for row in order)
    assert not any(taken[row] for row in range(40))
    for row, weight in enumerate(weights):
        assert abs(taken[row] - epochs * 53 / 160 * weight) <= 2, (row, weight, taken[row])


def test_equal_weights_are_a_whole_pass_and_no_weight_outgrows_its_batches():
    assert sorted(passes([1.0] * 200).order(3).tolist()) == list(range(200))
    assert len(passes([1.0] * 199 + [1000.0])) == 16  # 200 / 16 would be fewer than a batch
    few = passes([0.0] * 190 + [1.0] * 10)
    assert sorted(few.order(0).tolist()) == list(range(190, 200))


def test_weights_that_batches_even_out_are_reported():
    tenth = [10.0] * 100 + [1.0] * 900
    large = passes(tenth, global_batch=512)
    orders = [large.order(epoch) for epoch in range(100)]
    taken = np.bincount(np.concatenate(orders), minlength=1000) / 100
    assert taken[:100].mean() == 1 and 0.44 < taken[100:].mean() < 0.47
    assert large.warning == (
        "weights: 1000 samples in batches of 512 leave them too little room: the lightest are taken in 0.46 of the "
        "passes, "
        "where their weight asks for 0.1; with a train.global_batch of at most 190 it counts as it is"
    )
    assert passes(tenth, global_batch=190).warning == "" != passes(tenth, global_batch=191).warning
    assert "taken in 1 of the passes" in passes(tenth, global_batch=1000).warning
    for even in ([1.0] * 50, [0.0] * 45 + [2.0] * 5):
        assert passes(even, global_batch=50).warning == ""


def test_one_sample_alone_teaches_nothing():
    with pytest.raises(UserError, match="only 1 of 20 training samples has a weight above 0"):
        passes([0.0] * 19 + [1.0])
    assert sorted(set(passes([0.0] * 18 + [1.0, 3.0], global_batch=2).order(0).tolist())) == [18, 19]
