"""What is worth a label: rounds are what they should be, the reserve is a fair sample, far-apart is k-centre, flat is
flat.
"""

from dataclasses import replace

import numpy as np
import pytest

from seedream_core.data.labelling.acquisition import LEAST_HELD, ActiveLearning, Pool, far_apart
from seedream_core.data.labelling.score_heads import CLASSES

KEYS = [f"k{index:03d}" for index in range(400)]
OPTIONS = ActiveLearning(seed_labels=40, batch=20, max_labels=200, held_out=0.2, patience=2)


def pool(options=OPTIONS, task="defect") -> tuple[Pool, dict[str, float]]:
    features = np.random.default_rng(0).normal(size=(len(KEYS), 5)).astype("float32")
    return Pool(KEYS, features, task, options), {key: float(row[0] > 1.2) for key, row in zip(KEYS, features)}


def test_rounds_are_of_new_keys_and_of_the_asked_size():
    one, truth = pool()
    rounds = [one.begin()]
    while rounds[-1] is not None:
        asked = [key for now in rounds for key in (*now.train, *now.held)]
        assert len(asked) == len(set(asked)) == 40 + 20 * (len(rounds) - 1)
        assert {key for now in rounds for key in now.held} == set(one.reserve[: round(0.2 * len(asked))])
        assert not set(one.reserve) & {key for now in rounds for key in now.train}
        rounds.append(one.next(one.fit({key: truth[key] for now in rounds for key in now.train}), asked))
    assert len(rounds) == 1 + 9 and len(one.reserve) == 40


def test_a_pool_that_runs_dry():
    one, truth = pool(replace(OPTIONS, max_labels=1000))
    asked = list(KEYS[:390])
    last = one.next(one.fit({key: truth[key] for key in KEYS}), asked)
    assert set(last.train) | set(last.held) <= set(KEYS[390:])
    assert one.next(one.fit(truth), KEYS) is None


def test_uncertain_ones_are_chosen():
    one, truth = pool(replace(OPTIONS, shortlist=1))
    head = one.fit(truth)
    doubt = dict(zip(KEYS, head.doubt(one.features)))
    chosen = one.next(head, ()).train
    rest = [doubt[key] for key in KEYS if key not in chosen and key not in one.reserve]
    assert min(doubt[key] for key in chosen) >= max(rest)
    wider, _ = pool(replace(OPTIONS, shortlist=3))
    spread = wider.next(head, ()).train
    shortlist = sorted(set(KEYS) - set(one.reserve), key=doubt.get)[-48:]
    assert set(spread) <= set(shortlist) and set(spread) != set(chosen)
    assert nearest(wider, spread) > nearest(wider, chosen)


def nearest(one: Pool, keys) -> float:
    rows = one.features[[one.rows[key] for key in keys]]
    between = ((rows[:, None] - rows) ** 2).sum(-1)
    np.fill_diagonal(between, np.inf)
    return between.min(1).mean()


@pytest.mark.parametrize("kind", ["entropy", "margin"])
def test_doubt_of_three_classes(kind):
    one, _ = pool(replace(OPTIONS, uncertainty=kind, shortlist=1), "difficulty")
    head = one.fit({key: float(place % 3) for place, key in enumerate(KEYS)})
    chosen = one.next(head, ()).train
    doubts = head.doubt(one.features[[one.rows[key] for key in chosen]], kind)
    others = head.doubt(
        one.features[[one.rows[key] for key in KEYS if key not in chosen and key not in one.reserve]], kind
    )
    assert doubts.min() >= others.max()
    assert {*pool(replace(OPTIONS, uncertainty="entropy", shortlist=1), "difficulty")[0].next(head, ()).train} != {
        *pool(replace(OPTIONS, uncertainty="margin", shortlist=1), "difficulty")[0].next(head, ()).train
    }


def test_seed_set_may_lie_far_apart():
    drawn, apart = (pool(replace(OPTIONS, diverse_share=share))[0] for share in (0.0, 0.75))
    assert drawn.begin().train[:8] == apart.begin().train[:8] and len(apart.begin().train) == 32
    assert nearest(apart, apart.begin().train) > nearest(drawn, drawn.begin().train)


def test_of_what_is_given_a_random_share_validates():
    one, _ = pool()
    first = one.begin(KEYS[:30])
    assert not {*first.train} & {*first.held} and {*KEYS[:30]} <= {*first.train, *first.held}
    assert len(first.held) == 6 + 2 and len(first.train) == 24 + 8
    assert first.held[:6] == tuple(key for key in one.order if key in KEYS[:30])[:6]
    more = one.begin(KEYS[:90])
    assert len(more.held) == 18 and {*more.train, *more.held} == {*KEYS[:90]} and one.begin(()) == one.begin()


def test_the_reserve_is_the_same_whatever_else_is_in_the_pool():
    one, _ = pool()
    half = Pool(KEYS[::2], one.features[::2], "defect", OPTIONS)
    places = [one.order.index(key) for key in half.order]
    assert places == sorted(places)
    other, _ = pool(replace(OPTIONS, seed=1))
    assert other.order != one.order


def test_far_apart_is_greedy_k_centre():
    rows = np.array([[0.0, 0], [1, 0], [10, 0], [10, 1], [0, 30]], np.float32)
    assert far_apart(rows, rows[:1], 2) == [4, 3] and far_apart(rows, rows[:0], 5)[0] == 0
    assert sorted(far_apart(rows, rows, 5)) == [0, 1, 2, 3, 4]


def test_flat_compares_on_the_same_labels_and_waits_for_enough():
    one, truth = pool()
    worse, better = (one.fit({key: truth[key] for key in keys}) for keys in (KEYS[:30], KEYS))
    held = {key: truth[key] for key in KEYS[100:]}
    assert one.quality(better, held) - one.quality(worse, held) > one.options.min_rise
    assert not one.flat([worse, worse, better], held)
    assert one.flat([better, worse, better], held) and one.flat([better, better, worse], held)
    assert not one.flat([better, better], held)
    few = {key: truth[key] for key in KEYS if not truth[key]} | dict(
        [(key, 1.0) for key in KEYS if truth[key]][: LEAST_HELD - 1]
    )
    assert not one.flat([better, better, better], few)


@pytest.mark.parametrize("task", CLASSES)
def test_all_tasks(task):
    one, truth = pool(task=task)
    head = one.fit(truth)
    assert len(one.next(head, KEYS[:50]).train) == 16 and one.flat([head] * 3, truth) == (
        task != "difficulty"
    )  # it has no `hard` yet
