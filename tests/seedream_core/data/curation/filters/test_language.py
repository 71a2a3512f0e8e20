"""Dropped where too few words are in the declared language, with both figures in the reason."""

import numpy as np

from seedream_core.data.curation.filters.language import LanguageFilter
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers.language import LanguageScorer as Scorer
from seedream_core.records import Sample


def judged(captions, **options):
    view = LazySample.of(Sample(key="a", width=8, height=8, captions=captions), np.zeros((8, 8, 3), np.uint8))
    Scorer().start({})([view])
    return LanguageFilter(**options)(view)


def test_threshold():
    half = {"zh": {"short": "红圆 red circle"}}
    assert judged(half).keep and not judged(half, min_share=0.6).keep
    assert judged({"zh": {"short": "a red circle"}}).reason == "0% of a caption's words are in its language, under 50%"
