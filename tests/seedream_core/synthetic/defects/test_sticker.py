"""A sticker differs from a flat shape: several colours, an edge, and a shadow beside it."""

import numpy as np

from seedream_core.randomness import Rng
from seedream_core.synthetic.defects.sticker import Sticker


def test_several_colours_and_a_shadow():
    plain = np.full((128, 128, 3), 220, np.uint8)
    for index in range(20):
        out, ((left, top, right, bottom),) = Sticker()(plain, Rng("sticker", index))
        inside = out[top:bottom, left:right].reshape(-1, 3) // 32
        assert len({tuple(pixel) for pixel in inside.tolist()}) >= 4
        outside = np.ones((128, 128), bool)
        outside[top:bottom, left:right] = False
        assert (out[outside] < 218).any() and (out[outside] <= 220).all()


def test_sizes_reach_over_the_decision():
    sizes = [Sticker()(np.zeros((100, 100, 3), np.uint8), Rng(index))[1][0] for index in range(80)]
    areas = [(right - left) * (bottom - top) / 1e4 for left, top, right, bottom in sizes]
    assert min(areas) < 0.08 and max(areas) > 0.3
