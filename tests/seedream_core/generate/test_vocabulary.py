"""A model knows exactly the words of its captions, in either language, and says so in one line."""

import json

import pytest

from seedream_core.generate import vocabulary

CAPTIONS = [
    "an orange star on a white background",
    "three purple crosses on a gray background",
    "a blue heart above a cyan cross on a beige background",
    "白色背景上有一个橙色五角星",
    "灰色背景上有三个紫色十字",
    "米色背景上，蓝色心形在青色十字的上方",
]


@pytest.fixture(scope="module")
def known():
    return vocabulary.build(CAPTIONS)


@pytest.mark.parametrize("caption", CAPTIONS)
def test_every_training_caption_is_known(known, caption):
    assert vocabulary.unknown(caption, known) == []


@pytest.mark.parametrize(
    "prompt, words",
    [
        ("一只猫", ["只猫"]),
        ("猫在白色背景上，还有一只狗", ["猫", "还", "只狗"]),
        ("a cat on a WHITE background", ["cat"]),
        ("two cats and 3 dogs", ["two", "cats", "and", "3", "dogs"]),
        ("кот and кот", ["кот", "and"]),
        ("a star猫", ["猫"]),
        ("cat猫 cat", ["cat", "猫"]),
        ("", []),
        ("……!!! ，。", []),
    ],
)
def test_unknown_words_in_order_once(known, prompt, words):
    assert vocabulary.unknown(prompt, known) == words


def test_examples_are_captions_of_both_languages(known):
    english, chinese = known["examples"]
    assert english in CAPTIONS[:3] and chinese in CAPTIONS[3:]


def test_one_language_gives_two_examples():
    assert len(vocabulary.build(CAPTIONS[:3])["examples"]) == 2
    assert vocabulary.build(CAPTIONS[:1])["examples"] == CAPTIONS[:1]
    assert vocabulary.build([]) == {"words": [], "characters": "", "examples": []}


def test_words_of_every_caption_come_last(known):
    assert set(known["words"][-3:]) == {"a", "background", "on"}


def test_the_order_of_captions_does_not_matter(known):
    assert vocabulary.build(reversed(CAPTIONS * 2)) == known


def test_explanation_is_one_line_with_the_words_and_two_prompts(known):
    line = vocabulary.explain(["只猫"], known)
    assert "\n" not in line and "只猫" in line and all(example in line for example in known["examples"])


def test_round_trip_and_inheritance(tmp_path, known):
    first, second, third = (tmp_path / name for name in "abc")
    for folder in (first, second, third):
        folder.mkdir()
    vocabulary.write(known, first)
    vocabulary.inherit(first, second)
    assert vocabulary.load(second) == known
    assert "橙" in (second / vocabulary.FILE).read_text(encoding="utf-8")
    vocabulary.inherit(third, second)
    assert vocabulary.load(second) == known
    assert vocabulary.load(third) is None
    assert json.loads((first / vocabulary.FILE).read_text(encoding="utf-8")) == known
