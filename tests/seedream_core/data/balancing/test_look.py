"""A look without a model: near for the same thing elsewhere, far for another colour or shape, at any size."""

import numpy as np
from PIL import Image

from seedream_core.data.balancing.look import look
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import Object, Scene


def scene(color, shape, x=0.5, size=0.4, pixels=64):
    return render(Scene("one", "gray", (Object(color, shape, x, 0.5, size),)), pixels, pixels)


def distance(a, b) -> float:
    return float(np.linalg.norm(look(a) - look(b)))


def test_what_is_shown_counts_more_than_where():
    here = scene("red", "circle")
    moved = distance(here, scene("red", "circle", x=0.3))
    assert 2 * moved < distance(here, scene("blue", "circle")) and 2 * moved < distance(here, scene("red", "square"))
    assert distance(here, scene("red", "circle", size=0.3)) < distance(here, scene("red", "square"))


def test_any_size_and_a_blank_picture():
    small, large = scene("red", "star"), scene("red", "star", pixels=256)
    assert distance(small, large) < 0.5 * distance(small, scene("blue", "star"))
    assert look(np.zeros((48, 96, 3), np.uint8)).shape == look(small).shape == (124,)
    assert np.isfinite(look(np.full((64, 64, 3), 255, np.uint8))).all()
    gray = np.asarray(Image.new("RGB", (300, 80), "gray"))
    assert look(gray).dtype == np.float32


def test_stripes_of_other_directions_look_different():
    x, y = np.meshgrid(np.arange(64), np.arange(64))
    turned = [x, x + y, y, x - y]
    stripes = [np.repeat(((place // 4 % 2) * 255).astype(np.uint8)[..., None], 3, 2) for place in turned]
    shifted = [np.roll(one, 2, (0, 1)) for one in stripes]
    for i, one in enumerate(stripes):
        for j, other in enumerate(shifted):
            assert distance(one, other) < 0.1 if i == j else distance(one, other) > 0.3
