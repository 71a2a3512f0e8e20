"""Of the extremely hard pictures a share stays, always the same; all others are left alone."""

import numpy as np

from seedream_core.data.curation.filters.too_hard import TooHard
from seedream_core.data.curation.view import View
from seedream_core.records import Sample


def view(key: str, difficulty: float, tags=("knowledge", "chart")) -> View:
    made = View.of(Sample(key=key, width=8, height=8, captions={}, tags=tags), np.zeros((8, 8, 3), np.uint8))
    made.scores["difficulty"] = difficulty
    return made


def kept(judge: TooHard, difficulty: float = 0.9, count: int = 1000, **options) -> set[int]:
    return {number for number in range(count) if judge(view(f"k0-{number}", difficulty, **options)).keep}


def test_a_share_of_the_extremely_hard_stays():
    assert 200 < len(kept(TooHard())) < 300 and kept(TooHard()) == kept(TooHard())
    assert kept(TooHard(keep=0.0)) == set() and len(kept(TooHard(keep=1.0))) == 1000
    assert kept(TooHard(keep=0.1)) < kept(TooHard(keep=0.25)) != kept(TooHard(seed=1))
    assert TooHard(keep=0.0)(view("a", 0.71)).reason == "difficulty 0.71 is over 0.67, and 0% of those are kept"


def test_others_are_left_alone():
    none = TooHard(keep=0.0)
    assert len(kept(none, 0.66)) == 1000 and len(kept(none, tags=("photo",))) == 1000
    assert kept(TooHard(keep=0.0, tag=""), tags=()) == set() and kept(TooHard(keep=0.0, most=0.5), 0.6) == set()
