"""Pictures under the least size are dropped, with both sizes in the reason."""

import numpy as np

from seedream_core.data.curation.filters import LazySample
from seedream_core.data.curation.filters.size import SizeFilter
from seedream_core.records import Sample


def view(width: int, height: int) -> LazySample:
    sample = Sample(key="a", width=width, height=height, captions={})
    return LazySample.of(sample, np.zeros((height, width, 3), np.uint8))


def test_both_sides_count():
    size = SizeFilter(width=40, height=20)
    assert size(view(40, 20)).keep and size(view(400, 200)).keep
    assert size(view(39, 20)).reason == "39×20 is under 40×20"
    assert not size(view(40, 19)).keep
    assert SizeFilter()(view(64, 64)).keep and not SizeFilter()(view(63, 64)).keep
