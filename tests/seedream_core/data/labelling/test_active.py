"""The loop: it goes on from what was asked, spends what it may, never teaches from the reserve, and stops where nothing
rises.
"""

import numpy as np
import pytest

from seedream_core.data.labelling.acquisition import ActiveLearning, Pool
from seedream_core.data.labelling.active import SKIP, learn

KEYS = [f"k{index:03d}" for index in range(500)]
FEATURES = np.random.default_rng(0).normal(size=(len(KEYS), 5)).astype("float32")
TRUTH = {key: float(row[0] + row[1] > 1.0) for key, row in zip(KEYS, FEATURES)}


def pool(**options) -> Pool:
    return Pool(
        KEYS,
        FEATURES,
        "defect",
        ActiveLearning(
            **{"seed_labels": 40, "batch": 20, "max_labels": 160, "held_out": 0.25, "patience": 9} | options
        ),
    )


def truth(now, number):
    return {key: TRUTH[key] for key in (*now.train, *now.held)}


def test_spends_what_it_may():
    rounds = []
    learned = learn(pool(), rounds, truth)
    assert (
        learned.labels == 160 and len(rounds) == len(learned.heads) == 7 and learned.stopped == "160 labels were spent"
    )
    assert len(learned.held) == 40 and not learned.held.keys() & learned.train.keys()
    assert [point["labels"] for point in learned.curve] == [40, 60, 80, 100, 120, 140, 160]
    assert learned.curve[-1]["score"] > 0.95 and learned.curve[-1]["chosen"] == "active"


def test_goes_on_from_any_round():
    rounds, seen = [], []
    whole = learn(pool(), rounds, truth)
    for cut in (0, 1, 4):
        before = rounds[:cut]
        again = learn(pool(), before, truth, note=lambda learned: seen.append(len(learned.heads)))
        assert before == rounds and again.curve == whole.curve and again.train == whole.train
    assert seen[:3] == [0, 1, 1]  # the first round before it is asked, after it, and the second before it is asked


def test_stops_where_nothing_rises():
    learned = learn(pool(max_labels=500, patience=3, min_rise=0.02, seed_labels=100), [], truth)
    assert learned.stopped == "3 rounds raised the score by less than 0.02" and 160 <= learned.labels < 500
    assert learn(pool(max_labels=900, patience=99), [], truth).stopped == "no pictures are left to label"


def test_random_labels_beside_it():
    asked = []

    def any_key(keys):
        asked.append(list(keys))
        return {key: TRUTH[key] for key in keys}

    one = pool()
    learned = learn(one, [], truth, random=any_key)
    active, random = ([point for point in learned.curve if point["chosen"] == kind] for kind in ("active", "random"))
    assert [point["labels"] for point in active] == [point["labels"] for point in random]
    assert [len(keys) for keys in asked] == [point["labels"] - point["held_out"] for point in random]
    assert not set(asked[-1]) & set(one.reserve) and asked[-1][:30] == asked[0]


def test_the_seed_set_begins_with_what_is_given():
    one, rounds = pool(), []
    given = {key: TRUTH[key] for key in KEYS[:60]}
    learned = learn(one, rounds, truth, given=given)
    assert {*rounds[0].train, *rounds[0].held} == given.keys() and len(rounds[0].held) == 15
    later = {key for now in rounds[1:] for key in (*now.train, *now.held)}
    assert not later & given.keys() and learned.labels == 160 and not learned.train.keys() & learned.held.keys()
    # a later run knows the answers to every round that was asked for
    assert learn(one, list(rounds), truth, given=learned.train | learned.held).curve == learned.curve


def test_only_what_the_seed_set_lacks_is_asked_for():
    rounds, given = [], {key: TRUTH[key] for key in KEYS[:25]}
    learn(pool(), rounds, truth, given=given)
    assert len({*rounds[0].train, *rounds[0].held} - given.keys()) == 15 and len(rounds[0].held) == 6 + 4
    assert len({*rounds[0].train, *rounds[0].held}) == 40


def test_where_nobody_may_be_asked_what_is_given_is_all():
    learned = learn(pool(), [], truth, given={key: TRUTH[key] for key in KEYS[:60]}, further=False)
    assert (learned.labels, len(learned.heads), learned.stopped) == (60, 1, "no more labels are available")


def test_labels_given_later_teach_and_are_never_asked_for_nor_validate():
    one, rounds = pool(), []
    learn(one, rounds, truth)
    given = {key: TRUTH[key] for key in KEYS[:60]}
    del rounds[2:]
    unasked = given.keys() - set(one.reserve) - {key for now in rounds for key in (*now.train, *now.held)}
    learned = learn(one, rounds, truth, given=given)
    later = {key for now in rounds[2:] for key in now.train}
    assert unasked and unasked <= learned.train.keys() and not later & unasked
    assert learned.held.keys() <= {key for now in rounds for key in now.held}


def test_held_out_labels_of_one_kind_are_no_score():
    given = {key: TRUTH[key] for key in KEYS[:60]}
    for kind in (0.0, 1.0):

        def one_kind(now, number):
            return truth(now, number) | dict.fromkeys(now.held, kind)

        learned = learn(pool(seed_labels=20), [], one_kind, further=False)
        assert [point["score"] for point in learned.curve] == [None] and learned.curve[0]["held_out"] == 5
    assert learn(pool(), [], truth, given=given, further=False).curve[0]["score"] > 0.5


def test_skipped_pictures_teach_nothing_and_are_not_asked_for_again():
    rounds, skipped = [], set()

    def person(now, number):
        labels = truth(now, number)
        skipped.update(list(labels)[::5])
        return labels | dict.fromkeys(list(labels)[::5], SKIP)

    learned = learn(pool(), rounds, person)
    asked = [key for now in rounds for key in (*now.train, *now.held)]
    assert len(asked) == len(set(asked)) == 160 and learned.labels == 160 - len(skipped)
    assert not skipped & (learned.train.keys() | learned.held.keys())


def test_a_question_without_an_answer_keeps_its_round():
    rounds, notes = [], []

    def person(now, number):
        if number == 2:
            raise RuntimeError("later")
        return truth(now, number)

    with pytest.raises(RuntimeError):
        learn(pool(), rounds, person, note=lambda learned: notes.append(len(rounds)))
    assert len(rounds) == 3 and notes[-1] == 3
