"""Nearly one colour is dropped, with the share in the reason."""

from seedream_core.data.curation.filters import LazySample
from seedream_core.data.curation.filters.uniform import UniformFilter
from seedream_core.records import Sample


def view(share: float) -> LazySample:
    return LazySample(Sample(key="a", width=64, height=64, captions={}), scores={"uniform": share})


def test_the_limit():
    assert UniformFilter()(view(0.99)).keep
    assert UniformFilter()(view(0.996)).reason == "99.6% of the pixels are of one colour, over 99.0%"
    assert not UniformFilter()(view(0.996)).keep
    assert UniformFilter(max_share=1.0)(view(1.0)).keep and not UniformFilter(max_share=0.4)(view(0.5)).keep
