"""Similar captions meet, equal ones do not, every sample comes once, and each epoch has another order."""

from itertools import product

import torch

from seedream_core.data.loading.hard_negatives import SimilarOrder

TEXTS = [
    f"{n} {c} {s} on {b}"
    for n, c, s, b in product(("one", "two"), ("red", "blue", "green"), ("star", "heart", "cross"), ("white", "gray"))
]
WORDS = {word: number for number, word in enumerate(sorted({word for text in TEXTS for word in text.split()}))}


def similar(texts, group):
    return SimilarOrder(texts, ([WORDS[word] for word in text.split()] for text in texts), group)


def shared(texts, order, group):
    """Words that two captions of a run have in common, on average."""
    runs = [[set(texts[row].split()) for row in order[first : first + group]] for first in range(0, len(order), group)]
    counts = [len(one & other) for run in runs for place, one in enumerate(run) for other in run[:place]]
    return sum(counts) / len(counts)


def test_an_epoch_is_a_permutation_of_its_own():
    one = similar(TEXTS, 4)
    first, second = one.order(0, 0, len(TEXTS)), one.order(0, 1, len(TEXTS))
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(len(TEXTS)))
    assert not torch.equal(first, second) and torch.equal(first, one.order(0, 0, len(TEXTS)))
    assert not torch.equal(first, one.order(1, 0, len(TEXTS)))


def test_runs_share_more_words_than_chance():
    order = similar(TEXTS, 4).order(0, 0, len(TEXTS)).tolist()
    chance = torch.randperm(len(TEXTS), generator=torch.Generator().manual_seed(0)).tolist()
    assert shared(TEXTS, order, 4) > shared(TEXTS, chance, 4) + 0.8


def test_every_word_comes_to_differ():
    one, differing = similar(TEXTS, 2), set()
    for epoch in range(30):
        order = one.order(0, epoch, len(TEXTS)).tolist()
        for first, second in zip(order[::2], order[1::2]):
            here, there = TEXTS[first].split(), TEXTS[second].split()
            differing |= {place for place in range(5) if here[place] != there[place]}
    assert differing == {0, 1, 2, 4}


def test_equal_captions_do_not_meet():
    texts = TEXTS * 3
    order = similar(texts, 6).order(0, 0, len(texts)).tolist()
    for first in range(0, len(order), 6):
        run = [texts[row] for row in order[first : first + 6]]
        assert len(set(run)) == len(run)
