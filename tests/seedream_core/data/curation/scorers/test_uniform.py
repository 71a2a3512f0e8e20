"""The share of one colour: noise within the tolerance counts, what is drawn on it does not."""

import numpy as np
import pytest

from seedream_core.data.curation.filters.uniform import UniformFilter as Filter
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers.uniform import UniformScorer
from seedream_core.records import Sample
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import World


def scored(pixels: np.ndarray, **options) -> LazySample:
    view = LazySample.of(Sample(key="a", width=pixels.shape[1], height=pixels.shape[0], captions={}), pixels)
    UniformScorer(**options).start({})([view])
    return view


def spotted(share: float, noise: int = 0) -> np.ndarray:
    pixels = np.full((100, 100, 3), 120, np.uint8) + np.random.default_rng(0).integers(
        0, noise + 1, (100, 100, 3), np.uint8
    )
    pixels[: round(share * 100)] = (250, 120, 120)
    return pixels


@pytest.mark.parametrize(
    "share, noise, keep",
    [(0.0, 0, False), (0.01, 0, True), (0.0, 10, False), (0.02, 0, True), (0.5, 0, True), (0.0, 100, True)],
)
def test_share_of_one_colour(share, noise, keep):
    assert Filter()(scored(spotted(share, noise))).keep == keep


def test_the_tolerance_is_an_option():
    assert scored(spotted(0.0, 10)).scores["uniform"] == 1.0
    assert scored(spotted(0.0, 10), tolerance=2).scores["uniform"] < 0.5


@pytest.mark.parametrize("side", [64, 512])
def test_clean_scenes_stay_and_flat_ones_go(side):
    world = World(width=side, height=side)
    pictures = [render(world.sample(3, i), side, side) for i in range(300 if side == 64 else 40)]
    assert all(Filter()(scored(picture)).keep for picture in pictures)
    assert scored(np.full_like(pictures[0], 90)).scores["uniform"] == 1.0
