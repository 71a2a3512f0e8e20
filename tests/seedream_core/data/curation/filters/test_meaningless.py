"""A texture score above the limit is dropped."""

from seedream_core.data.curation.filters import View
from seedream_core.data.curation.filters.meaningless import Meaningless
from seedream_core.records import Sample


def test_the_limit():
    view = View(Sample(key="a", width=64, height=64, captions={}), scores={"texture": 0.9})
    assert Meaningless()(view).reason.startswith("texture 0.90 is over 0.60") and not Meaningless()(view).keep
    assert Meaningless(most=0.9)(view).keep
