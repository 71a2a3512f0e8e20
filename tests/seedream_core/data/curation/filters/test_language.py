"""Dropped where too few words are in the declared language, with both figures in the reason."""

import numpy as np

from seedream_core.data.curation.filters.language import Language
from seedream_core.data.curation.scorers.language import Language as Scorer
from seedream_core.data.curation.view import View
from seedream_core.records import Sample


def judged(captions, **options):
    view = View.of(Sample(key="a", width=8, height=8, captions=captions), np.zeros((8, 8, 3), np.uint8))
    Scorer().start({})([view])
    return Language(**options)(view)


def test_threshold():
    half = {"zh": {"short": "红圆 red circle"}}
    assert judged(half).keep and not judged(half, least=0.6).keep
    assert judged({"zh": {"short": "a red circle"}}).reason == "0% of a caption's words are in its language, under 50%"
