"""Dropped below the threshold, with both figures in the reason."""

import numpy as np

from seedream_core.data.curation.filters.mismatched import MismatchedFilter
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.records import Sample


def judged(agreement, **options):
    view = LazySample.of(Sample(key="a", width=8, height=8, captions={}), np.zeros((8, 8, 3), np.uint8))
    view.scores["agreement"] = agreement
    return MismatchedFilter(**options)(view)


def test_threshold():
    assert judged(0.5, min_agreement=0.5).keep and not judged(0.49, min_agreement=0.5).keep
    assert judged(0.03, min_agreement=0.25).reason == "agreement of captions and picture 0.03 is under 0.25"
