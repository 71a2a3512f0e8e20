"""Phrases in captions: forms of the last word, the longest first, marks between."""

import pytest

from seedream_core.data.balancing.taxonomy.phrases import Phrases, units


def test_units():
    assert units("Bob's cat-like 红cat, x2") == ["bob", "cat", "like", "红", "cat", ",", "x"]


@pytest.mark.parametrize("phrase", ["", "!!", "2024", "'s", "__"])
def test_what_has_no_word_is_reported(phrase):
    with pytest.raises(ValueError, match="has no word that can be found"):
        Phrases({phrase: 0})


def test_plurals_of_the_last_word_only():
    phrases = Phrases({"rice knife": 0, "box": 1, "lily": 2, "leaf": 3})
    assert phrases.find("rice knives, boxes of lilies and leaves") == [0, 1, 2, 3]
    assert phrases.find("rices knife") == []


def test_each_place_once_and_the_longest():
    phrases = Phrases({"中国结": 0, "中国": 1, "结": 2}, but=["结婚"])
    assert phrases.find("中国的中国结") == [1, 0] and phrases.find("结婚") == []
    assert Phrases({}).find("anything") == []


def test_a_phrase_of_nothing():
    with pytest.raises(ValueError, match="no word"):
        Phrases({"--": 0})
