"""Negative captions never say what the picture shows, and similar ones share more words than random ones."""

from itertools import product

from seedream_core.data.loading.negative_captions import (
    every_caption,
    main_caption,
    random_negatives,
    similar_negatives,
)

MAIN = [
    f"{c} {s} on {b}" for c, s, b in product(("red", "blue", "green"), ("star", "heart", "cross"), ("white", "gray"))
] * 2
NUMBERS = {word: number for number, word in enumerate(sorted({word for text in MAIN for word in text.split()}))}
WORDS = [[NUMBERS[word] for word in text.split()] for text in MAIN]


def test_captions_of_a_sample():
    languages = {"zh": {"short": "红星", "long": " "}, "en": {"long": "a red star", "brief": ""}}
    assert every_caption(languages) == ["a red star", "红星"] and main_caption(languages) == "a red star"
    assert (
        main_caption({"en": {"long": "a", "short": "b"}}) == "b" and main_caption({"en": {}, "zh": {"x": "星"}}) == "星"
    )
    assert main_caption({}) == "" and every_caption({"en": {}}) == []


def test_random_and_similar_negatives_say_something_else():
    drawn, near = random_negatives(MAIN, 0), similar_negatives(MAIN, WORDS)
    for found in (drawn, near):
        assert all(MAIN[row] != MAIN[other] for row, other in enumerate(found))
    assert drawn == random_negatives(MAIN, 0) != random_negatives(MAIN, 1)

    def shared(found):
        return sum(len(set(WORDS[row]) & set(WORDS[other])) for row, other in enumerate(found)) / len(found)

    assert shared(near) == 3 > shared(drawn) + 0.5  # all words but one: "on" is one of four


def test_there_are_no_negatives_where_all_captions_are_the_same():
    assert random_negatives(["same"] * 3, 0) == [None] * 3 == similar_negatives(["same"] * 3, [[0]] * 3)
