"""The first of equal pictures stays; one other pixel, or another shape, makes another picture."""

import numpy as np

from seedream_core.data.filters import View
from seedream_core.data.filters.duplicate import Duplicate
from seedream_core.records import Sample


def view(key: str, pixels: np.ndarray) -> View:
    return View(Sample(key=key, width=pixels.shape[1], height=pixels.shape[0], captions={}), pixels)


def test_first_stays():
    judge = Duplicate().start()
    pixels = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
    other = pixels.copy()
    other[3, 4, 1] ^= 1
    assert judge(view("a", pixels)).keep and judge(view("b", other)).keep
    assert judge(view("c", pixels.reshape(12, 8, 3))).keep
    again = judge(view("d", pixels.copy()))
    assert not again.keep and again.reason == "the same pixels as a"
    assert judge(view("e", np.ascontiguousarray(pixels[::-1])[::-1])).reason == "the same pixels as a"


def test_each_run_starts_afresh():
    duplicate, pixels = Duplicate(), np.zeros((4, 4, 3), np.uint8)
    for _ in range(2):
        judge = duplicate.start()
        assert judge(view("a", pixels)).keep and not judge(view("b", pixels)).keep
