"""Whose captions a picture is held against: never its own content, and lookalikes are more alike than strangers."""

from itertools import product

from seedream_core.data.loading.negative_captions import every_caption, lookalikes, main_caption, strangers

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


def test_strangers_and_lookalikes_say_something_else():
    drawn, near = strangers(MAIN, 0), lookalikes(MAIN, WORDS)
    for found in (drawn, near):
        assert all(MAIN[row] != MAIN[other] for row, other in enumerate(found))
    assert drawn == strangers(MAIN, 0) != strangers(MAIN, 1)

    def shared(found):
        return sum(len(set(WORDS[row]) & set(WORDS[other])) for row, other in enumerate(found)) / len(found)

    assert shared(near) == 3 > shared(drawn) + 0.5  # all words but one: "on" is one of four


def test_nobody_else_to_be_told_from():
    assert strangers(["same"] * 3, 0) == [None] * 3 == lookalikes(["same"] * 3, [[0]] * 3)
