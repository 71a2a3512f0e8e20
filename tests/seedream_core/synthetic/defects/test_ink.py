"""Ink: cropped lines, layers that stay in the picture, and boxes of what they cover."""

import numpy as np

from seedream_core.randomness import Rng
from seedream_core.synthetic.defects import ink


def test_lines_are_cropped_and_about_as_high_as_asked():
    for index in range(40):
        cover = ink.line(Rng("line", index), 24, words=2)
        assert cover.min() >= 0 and 0.6 < cover.max() <= 1
        assert all(
            side.any()
            for side in (cover[0] > ink.SEEN, cover[-1] > ink.SEEN, cover[:, 0] > ink.SEEN, cover[:, -1] > ink.SEEN)
        )
        assert 12 <= cover.shape[0] <= 32 < cover.shape[1]


def test_fitted_shrinks_and_never_grows():
    cover = ink.line(Rng("line", 0), 30)
    assert ink.fitted(cover, 10_000, 10_000) is cover
    small = ink.fitted(cover, 40, 1000)
    assert small.shape[1] <= 40 and abs(small.shape[1] / small.shape[0] / (cover.shape[1] / cover.shape[0]) - 1) < 0.25


def test_blend_over_the_edge():
    pixels = np.full((20, 30, 3), 100, np.uint8)
    assert ink.blend(pixels, np.ones((10, 10), np.float32), (200, 0, 100), -4, 15) == (0, 15, 6, 20)
    assert (pixels[15:, :6] == (200, 0, 100)).all() and (pixels[:15] == 100).all() and (pixels[:, 6:] == 100).all()
    before = pixels.copy()
    assert ink.blend(pixels, np.ones((5, 5), np.float32), (0, 0, 0), 40, 0) is None and np.array_equal(pixels, before)


def test_blend_mixes_by_cover_and_boxes_what_is_seen():
    pixels, cover = np.zeros((20, 20, 3), np.uint8), np.zeros((10, 10), np.float32)
    cover[3:6, 4:9], cover[0, 0] = 0.5, 0.01
    assert ink.blend(pixels, cover, (200, 100, 50), 2, 1) == (6, 4, 11, 7)
    assert pixels[5, 7].tolist() == [100, 50, 25]


def test_whole_reaches_both_ends():
    assert {ink.whole(Rng(index), 2, 4) for index in range(60)} == {2, 3, 4}
