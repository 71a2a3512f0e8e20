"""Noise, tiles and ramps score near 1; scenes, and patterns with an end, do not."""

import numpy as np
import pytest

from seedream_core.data.curation.filters.meaningless import MeaninglessFilter
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers.texture import TextureScorer
from seedream_core.records import Sample
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import World


def scored(pixels: np.ndarray) -> LazySample:
    view = LazySample.of(
        Sample(key="a", width=pixels.shape[1], height=pixels.shape[0], captions={}), np.ascontiguousarray(pixels)
    )
    TextureScorer().start({})([view])
    return view


def meaningless(pixels: np.ndarray) -> bool:
    return not MeaninglessFilter()(scored(pixels)).keep


RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize("side", [64, 128, 256, 512])
def test_noise(side):
    assert meaningless(RANDOM.integers(0, 256, (side, side, 3), np.uint8))
    assert meaningless(RANDOM.normal(128, 30, (side, side + 32, 1)).clip(0, 255).astype(np.uint8).repeat(3, 2))


@pytest.mark.parametrize("side", [64, 128, 256, 512])
@pytest.mark.parametrize("period", [(4, 4), (7, 5), (9, 12), (16, 16)])
def test_tiles(side, period):
    small = RANDOM.integers(0, 256, (3, 3, 3), np.uint8).repeat(6, 0).repeat(6, 1)[: period[0], : period[1]]
    tiled = np.tile(small, (side // period[0] + 1, side // period[1] + 1, 1))[:side, :side]
    assert meaningless(tiled)
    tiled[:, side // 2 :] = scene(3, side)[:, side // 2 :]
    assert not meaningless(tiled)


def test_large_tiles():
    for number in (4, 5, 6):
        tile = scene(number, 64)
        assert meaningless(np.tile(tile, (8, 8, 1)))
        assert not meaningless(np.tile(tile, (2, 2, 1)))


def test_ramps():
    x, y = np.meshgrid(np.linspace(0, 1, 256), np.linspace(0, 1, 256))
    sky = np.stack([90 + 60 * y, 120 + 50 * y + 20 * x * y, 200 + 20 * y * y], 2).astype(np.uint8)
    assert meaningless(sky)
    sky[100:120, 60:100] = 40
    assert not meaningless(sky)


def scene(index: int, side: int) -> np.ndarray:
    return render(World(width=side, height=side).sample(12, index), side, side)


@pytest.mark.parametrize("side, count", [(64, 200), (256, 30)])
def test_scenes_mean_something(side, count):
    assert max(scored(scene(index, side)).scores["texture"] for index in range(count)) < 0.6


def test_small_pictures_are_not_judged():
    assert scored(RANDOM.integers(0, 256, (40, 300, 3), np.uint8)).scores["texture"] == 0.0
