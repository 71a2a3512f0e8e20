"""Textures: of the asked size, deterministic, and as varied as photographs."""

import numpy as np

from seedream_core.randomness import Rng
from seedream_core.synthetic.defects.textures import texture


def test_the_same_from_the_same_draw():
    first, second = texture(80, 48, Rng(1)), texture(80, 48, Rng(1))
    assert first.shape == (48, 80, 3) and first.dtype == np.uint8 and np.array_equal(first, second)
    assert not np.array_equal(first, texture(80, 48, Rng(2)))


def test_varied():
    made = [texture(64, 64, Rng("varied", index)).astype(float) for index in range(60)]
    means, spreads = np.array([one.mean() for one in made]), np.array([one.std((0, 1)).mean() for one in made])
    steps = np.array([np.abs(np.diff(one, axis=1)).mean() for one in made])
    assert means.min() < 80 and means.max() > 160 and spreads.min() < 25 and spreads.max() > 50
    assert steps.min() < 3 and steps.max() > 15  # smooth grounds as well as busy ones
