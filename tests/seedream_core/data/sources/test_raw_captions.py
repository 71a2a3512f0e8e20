"""Captions come out as text by language and field, from the encodings and the keys that people use."""

import pytest

from seedream_core.data.sources.raw_captions import bare, captions, merge, text
from seedream_core.errors import DataError

STAR = "白色背景上有一个橙色五角星"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gbk", "gb18030"])
def test_chinese_comes_from_every_encoding_of_it(encoding):
    assert text(STAR.encode(encoding)) == STAR


@pytest.mark.parametrize(
    "data",
    [
        "café crème à la carte".encode("latin-1"),
        b"\xff\xfe\x00",
        b"abc\x81",
        "Ünïcödé".encode("latin-1"),
        "un chat élégant à Genève".encode("latin-1"),
        "Müller häuser".encode("latin-1"),
    ],
)
def test_other_bytes_are_refused(data):
    with pytest.raises(DataError, match="UTF"):
        text(data)


def test_a_bare_caption_knows_its_language_and_length():
    assert bare(f" {STAR}\n") == {"zh": {"short": STAR}}
    assert bare("a red circle") == {"en": {"short": "a red circle"}}
    assert set(bare("word " * 60)["en"]) == {"long"} and set(bare(STAR * 9)["zh"]) == {"long"}
    assert bare(" \n") == {}


def test_rows_say_it_in_several_ways():
    both = {"en": {"short": "a star"}, "zh": {"short": "星星"}}
    assert captions({"captions": both, "caption": ""}) == both
    assert captions({"captions": {"en": "a star", "zh": "星星"}}) == both
    assert captions({"caption_en": "a star", "caption_zh": "星星", "text": None}) == both
    assert captions({"text": "a star", "caption_zh": "星星"}) == both
    assert captions({"url": "x"}) == {}
    assert merge({"en": {"short": "first"}}, {"en": {"short": "second", "long": "more"}}) == {
        "en": {"short": "first", "long": "more"}
    }


@pytest.mark.parametrize(
    "row", [{"caption": 3}, {"captions": ["a"]}, {"captions": {"en": {"short": None}}}, {"caption_zh": {"a": 1}}]
)
def test_what_is_no_text_is_refused(row):
    with pytest.raises(DataError, match="no text: cap|is no mapping"):
        captions(row)
