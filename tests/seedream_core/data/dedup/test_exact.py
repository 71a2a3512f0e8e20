"""The first of equal pictures stays; one other pixel, or another shape, makes another picture."""

import numpy as np

from seedream_core.data.dedup.exact import Exact
from seedream_core.data.scorers.digest import note
from seedream_core.data.view import View
from seedream_core.records import Sample


def test_first_stays():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
    other = pixels.copy()
    other[3, 4, 1] ^= 1
    pictures = {"a": pixels, "b": other, "c": pixels.reshape(12, 8, 3), "d": pixels.copy(), "e": np.ascontiguousarray(pixels[::-1])[::-1]}
    views = [View.of(Sample(key=key, width=picture.shape[1], height=picture.shape[0], captions={}), picture) for key, picture in pictures.items()]
    note(views)
    reasons = Exact()({"digest": np.stack([view.features["digest"] for view in views])}, list(pictures))
    assert reasons == {3: "the same pixels as a", 4: "the same pixels as a"}
