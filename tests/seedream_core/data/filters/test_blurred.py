"""A blur of 1.5 pixels or more is seen in every scene, faint or strong, and no clean scene is taken for one."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from seedream_core.data.filters import View
from seedream_core.data.filters.blurred import Blurred, sharpness
from seedream_core.data.scenes.render import render
from seedream_core.data.scenes.world import World
from seedream_core.records import Sample

SAMPLE = Sample(key="a", width=64, height=64, captions={})


def blurred(pixels: np.ndarray, filter: ImageFilter.Filter) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).filter(filter))


@pytest.mark.parametrize("size", [(64, 64), (128, 64)])
def test_scenes(size):
    world = World(width=size[0], height=size[1])
    for index in range(200):
        clean = render(world.sample(11, index), *size)
        view = View.of(SAMPLE, clean)
        assert Blurred()(view).keep and view.scores["sharpness"] >= 0.3
        for radius in (1.5, 3):
            verdict = Blurred()(View.of(SAMPLE, blurred(clean, ImageFilter.GaussianBlur(radius))))
            assert not verdict.keep and "sharpness 0." in verdict.reason


def test_sharpness_is_the_step_at_an_edge():
    edge = np.zeros((64, 64, 3), np.uint8)
    edge[:, 32:, 0] = 200
    assert sharpness(edge) == 1.0 and sharpness(edge // 10) == 1.0
    assert sharpness(blurred(edge, ImageFilter.BoxBlur(2))) == pytest.approx(0.2, abs=0.01)
    assert sharpness(edge.transpose(1, 0, 2)) == 1.0


def test_pictures_without_edges():
    assert sharpness(np.full((64, 64, 3), 9, np.uint8)) == 0.0
    assert sharpness(np.zeros((2, 64, 3), np.uint8)) == 0.0
    one = np.zeros((64, 64, 3), np.uint8)
    one[5, 5] = 255
    assert sharpness(one) == 0.0
    assert Blurred(least=0.0)(View.of(SAMPLE, one)).keep
