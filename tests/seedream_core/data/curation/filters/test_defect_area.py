"""Under the limit is kept and masked, from the limit on dropped with figures; clean is kept whatever the limit."""

import numpy as np
import pytest

from seedream_core.data.curation.filters.defect_area import DefectAreaFilter
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.records import Sample


def view(area: float, *kinds: str) -> LazySample:
    made = LazySample.of(Sample(key="a", width=8, height=8, captions={}), np.zeros((8, 8, 3), np.uint8))
    made.scores["defect_area"] = area
    made.boxes.extend({"kind": kind, "box": [0, 0, area, 1], "score": 0.9} for kind in kinds)
    return made


@pytest.mark.parametrize(
    "area, most, keep",
    [
        (0, 0.2, True),
        (0.1999, 0.2, True),
        (0.2, 0.2, False),
        (1, 0.2, False),
        (0, 0, True),
        (0.001, 0, False),
        (0.5, 0.6, True),
    ],
)
def test_limits(area, most, keep):
    assert DefectAreaFilter(max_area=most)(view(area)).keep is keep


def test_the_reason_has_figures_and_kinds():
    verdict = DefectAreaFilter()(view(0.345, "watermark", "logo", "logo"))
    assert not verdict.keep and verdict.reason == "34.5% under defects (logo, watermark), 20.0% and more is too much"
