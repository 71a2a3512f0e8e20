"""Captions are read once each, in order, and up to a bound."""

from seedream_core.data.loading.texts import by_key, distinct


def test_distinct_captions_in_order(tiny_latents):
    found = distinct(tiny_latents)
    assert len(found) == len(set(found)) == 6
    assert found[0] == "an orange star on a white background"
    assert distinct(tiny_latents, 3) == found[:3]


def test_captions_by_key(tiny_latents):
    found = by_key(tiny_latents)
    assert len(found) == 24 and list(found)[:2] == ["s000", "s001"]
    assert found["s000"] == {
        "en": {"short": "an orange star on a white background"},
        "zh": {"short": "白色背景上有一个橙色五角星"},
    }
