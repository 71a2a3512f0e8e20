"""Of the extremely hard pictures a share stays, always the same; all others are left alone."""

import numpy as np

from seedream_core.data.curation.filters.too_hard import TooHardFilter
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.records import Sample


def view(key: str, difficulty: float, tags=("knowledge", "chart")) -> LazySample:
    made = LazySample.of(Sample(key=key, width=8, height=8, captions={}, tags=tags), np.zeros((8, 8, 3), np.uint8))
    made.scores["difficulty"] = difficulty
    return made


def kept(judge: TooHardFilter, difficulty: float = 0.9, count: int = 1000, **options) -> set[int]:
    return {number for number in range(count) if judge(view(f"k0-{number}", difficulty, **options)).keep}


def test_a_share_of_the_extremely_hard_stays():
    assert 200 < len(kept(TooHardFilter())) < 300 and kept(TooHardFilter()) == kept(TooHardFilter())
    assert kept(TooHardFilter(keep=0.0)) == set() and len(kept(TooHardFilter(keep=1.0))) == 1000
    assert kept(TooHardFilter(keep=0.1)) < kept(TooHardFilter(keep=0.25)) != kept(TooHardFilter(seed=1))
    assert TooHardFilter(keep=0.0)(view("a", 0.71)).reason == "difficulty 0.71 is over 0.67, and 0% of those are kept"


def test_others_are_left_alone():
    none = TooHardFilter(keep=0.0)
    assert len(kept(none, 0.66)) == 1000 and len(kept(none, tags=("photo",))) == 1000
    assert (
        kept(TooHardFilter(keep=0.0, tag=""), tags=()) == set()
        and kept(TooHardFilter(keep=0.0, max_difficulty=0.5), 0.6) == set()
    )
