"""The filter reads the score; a blur of 1.5 pixels or more is dropped in every scene, and no clean scene is."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from seedream_core.data.curation.filters import LazySample
from seedream_core.data.curation.filters.blurred import BlurredFilter
from seedream_core.data.curation.scorers.clarity import ClarityScorer
from seedream_core.records import Sample
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import World

SAMPLE = Sample(key="a", width=64, height=64, captions={})


def scored(pixels: np.ndarray) -> LazySample:
    view = LazySample.of(SAMPLE, pixels)
    ClarityScorer().start({})([view])
    return view


@pytest.mark.parametrize("size", [(64, 64), (128, 64)])
def test_scenes(size):
    world = World(width=size[0], height=size[1])
    for index in range(200):
        clean = render(world.sample(11, index), *size)
        assert BlurredFilter()(scored(clean)).keep
        for radius in (1.5, 3):
            verdict = BlurredFilter()(
                scored(np.asarray(Image.fromarray(clean).filter(ImageFilter.GaussianBlur(radius))))
            )
            assert not verdict.keep and "sharpness 0." in verdict.reason


def test_the_limit_is_an_option():
    view = LazySample(SAMPLE, scores={"sharpness": 0.4})
    assert BlurredFilter()(view).reason == "sharpness 0.40 is under 0.50" and not BlurredFilter()(view).keep
    assert BlurredFilter(min_sharpness=0.4)(view).keep
