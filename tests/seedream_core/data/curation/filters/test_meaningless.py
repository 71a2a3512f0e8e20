"""A texture score above the limit is dropped."""

from seedream_core.data.curation.filters import LazySample
from seedream_core.data.curation.filters.meaningless import MeaninglessFilter
from seedream_core.records import Sample


def test_the_limit():
    view = LazySample(Sample(key="a", width=64, height=64, captions={}), scores={"texture": 0.9})
    assert (
        MeaninglessFilter()(view).reason.startswith("texture 0.90 is over 0.60") and not MeaninglessFilter()(view).keep
    )
    assert MeaninglessFilter(max_texture=0.9)(view).keep
