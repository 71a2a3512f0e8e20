"""Noise above the limit is dropped, told in levels."""

from seedream_core.data.curation.filters import View
from seedream_core.data.curation.filters.noisy import Noisy
from seedream_core.records import Sample


def test_the_limit():
    sample = Sample(key="a", width=64, height=64, captions={})
    grain, noise = View(sample, scores={"noise": 5 / 255}), View(sample, scores={"noise": 20 / 255})
    assert Noisy()(grain).keep and not Noisy()(noise).keep
    assert Noisy()(noise).reason == "noise of 20.0 levels is over 6.5"
    assert not Noisy(most=0.01)(grain).keep and Noisy(most=0.1)(noise).keep
