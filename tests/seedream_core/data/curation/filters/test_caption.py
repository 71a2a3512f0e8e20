"""Captions that are not there, not text, or no captions at all are named by language and field."""

import numpy as np
import pytest

from seedream_core.data.curation.filters import LazySample
from seedream_core.data.curation.filters.caption import CaptionFilter
from seedream_core.records import Sample


def judge(captions, **options):
    return CaptionFilter(**options)(
        LazySample.of(Sample(key="a", width=1, height=1, captions=captions), np.zeros((1, 1, 3), np.uint8))
    )


@pytest.mark.parametrize(
    "captions, reason",
    [
        ({}, "no caption"),
        ({"en": {}}, "no caption"),
        ({"en": {"short": ""}}, "en.short is empty"),
        ({"en": {"short": "fine", "long": " \n "}}, "en.long is empty"),
        ({"zh": {"short": "白色\ufffd"}}, "zh.short is not UTF-8 text (U+FFFD)"),
        ({"zh": {"short": "\ud800"}}, "zh.short is not UTF-8 text (U+D800)"),
        ({"en": {"short": "a\x00b"}}, "en.short is not UTF-8 text (U+0000)"),
        ({"en": {"short": "x" * 1001}}, "en.short has 1001 characters, over 1000"),
    ],
)
def test_dropped(captions, reason):
    verdict = judge(captions)
    assert not verdict.keep and verdict.reason == reason


def test_kept():
    assert judge({"en": {"short": "a star,\n\tand 🌟 more"}}).keep
    assert judge({"en": {"short": "a"}, "zh": {}}).keep


def test_options():
    both = {"en": {"short": "a"}, "zh": {"short": "星"}}
    assert judge(both, languages=("en", "zh")).keep
    assert judge({"en": {"short": "a"}}, languages=("en", "zh")).reason == "no caption in zh"
    assert judge({"en": {"short": "abc"}}, max_characters=2).reason == "en.short has 3 characters, over 2"
