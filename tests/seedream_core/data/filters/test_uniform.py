"""Nearly one colour is dropped; the emptiest of clean scenes stays."""

import numpy as np
import pytest

from seedream_core.data.filters import View
from seedream_core.data.filters.uniform import Uniform
from seedream_core.data.scenes.render import render
from seedream_core.data.scenes.world import World
from seedream_core.records import Sample

SAMPLE = Sample(key="a", width=64, height=64, captions={})


def spotted(share: float, noise: int = 0) -> np.ndarray:
    pixels = np.full((100, 100, 3), 120, np.uint8) + np.random.default_rng(0).integers(0, noise + 1, (100, 100, 3), np.uint8)
    pixels[:round(share * 100)] = (250, 120, 120)
    return pixels


@pytest.mark.parametrize("share, noise, keep", [(0.0, 0, False), (0.01, 0, True), (0.0, 10, False), (0.02, 0, True),
                                                (0.5, 0, True), (0.0, 100, True)])
def test_share_of_one_colour(share, noise, keep):
    view = View.of(SAMPLE, spotted(share, noise))
    verdict = Uniform()(view)
    assert verdict.keep == keep and ("of one colour" in verdict.reason or keep)
    assert view.scores["uniform"] <= 1


def test_options():
    assert Uniform(most=1.0)(View.of(SAMPLE, spotted(0.0))).keep
    assert not Uniform(most=0.4)(View.of(SAMPLE, spotted(0.5))).keep
    assert Uniform(tolerance=2)(View.of(SAMPLE, spotted(0.0, 10))).keep


def test_clean_scenes_stay():
    world = World()
    assert all(Uniform()(View.of(SAMPLE, render(world.sample(3, i), 64, 64))).keep for i in range(300))
