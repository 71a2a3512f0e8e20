"""Terms of captions in both languages, and how rare they are."""

import sys

import numpy as np
import pytest

from seedream_core.data.balancing.terms import collect, segmenter, terms
from seedream_core.errors import UserError


def cut(text, chinese="bigrams") -> list[str]:
    return list(terms(text, segmenter(chinese)))


def captions(*texts, language="en"):
    return [{language: {"short": text}} for text in texts]


def test_english_words_and_neighbours_without_stop_words():
    assert cut("A Red star, left of the blue cross") == [
        "red",
        "star",
        "red star",
        "left",
        "blue",
        "cross",
        "blue cross",
    ]
    assert cut("don't 42 — it is") == ["don't"]


def test_chinese_bigrams_and_mixed_text():
    assert cut("红色圆形") == ["红色", "色圆", "红色 色圆", "圆形", "色圆 圆形"]
    assert cut("猫 meow猫") == ["猫", "meow", "猫 meow", "猫", "meow 猫"]
    assert cut("的") == []


def test_jieba_cuts_words_and_leaves_no_cache(monkeypatch, tmp_path):
    pytest.importorskip("jieba")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert cut("北京烤鸭", "jieba") == ["北京烤鸭"] or cut("北京烤鸭", "jieba")[0] == "北京"
    assert list(tmp_path.iterdir()) == []


def test_without_jieba_the_fix_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(UserError, match=r"jieba is not installed") as error:
        segmenter("jieba")
    assert "seedream[data]" in error.value.fix


def test_rare_words_are_rare_and_single_ones_do_not_count():
    texts = ["red star"] * 60 + ["blue star"] * 30 + ["cyan heart"] * 9 + ["qwxz star"]
    rarity = collect(captions(*texts), ("short",), "bigrams").rarity(2)
    assert rarity[0] < rarity[60] < rarity[90]
    idf = np.log(100 / np.array([60, 91, 60]))
    assert rarity[0] == pytest.approx(idf.mean())
    assert rarity[-1] == pytest.approx(np.log(100 / 91))  # of "qwxz star" only "star" is no single case


def test_both_languages_and_the_asked_fields_count():
    both = [{"en": {"short": "red", "long": "tiny"}, "zh": {"short": "红", "long": "小"}}, {"en": {"alt": "old"}}, {}]
    made = collect(both, ("short",), "bigrams")
    assert list(made.concepts.names) == ["red", "红", "old"]  # a sample without the field gives what it has
    assert np.isnan(made.rarity(1)).tolist() == [False, False, True]
    assert "tiny" in collect(both, ("long",), "bigrams").concepts.names
