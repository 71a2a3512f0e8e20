"""Captions are read once each, in order, and up to a bound."""

from seedream_core.data.loading.texts import distinct


def test_distinct_captions_in_order(tiny_latents):
    found = distinct(tiny_latents)
    assert len(found) == len(set(found)) == 6
    assert found[0] == "an orange star on a white background"
    assert distinct(tiny_latents, 3) == found[:3]
