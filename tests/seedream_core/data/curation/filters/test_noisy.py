"""Noise above the limit is dropped; the reason gives it in levels."""

from seedream_core.data.curation.filters import LazySample
from seedream_core.data.curation.filters.noisy import NoisyFilter
from seedream_core.records import Sample


def test_the_limit():
    sample = Sample(key="a", width=64, height=64, captions={})
    grain, noise = LazySample(sample, scores={"noise": 5 / 255}), LazySample(sample, scores={"noise": 20 / 255})
    assert NoisyFilter()(grain).keep and not NoisyFilter()(noise).keep
    assert NoisyFilter()(noise).reason == "noise of 20.0 levels is over 6.5"
    assert not NoisyFilter(max_noise=0.01)(grain).keep and NoisyFilter(max_noise=0.1)(noise).keep
