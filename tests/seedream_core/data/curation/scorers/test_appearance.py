"""A picture's figures: finite, the same again, blind to where a mark lies, and different for what they are for."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers.appearance import SIDE, AppearanceScorer, describe
from seedream_core.records import Sample
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import World


def scene(index: int, side: int = SIDE) -> np.ndarray:
    return render(World(width=side, height=side).sample(3, index), side, side)


def marked(pixels: np.ndarray, left: int, top: int) -> np.ndarray:
    image = Image.fromarray(pixels)
    ImageDraw.Draw(image).rectangle((left, top, left + 9, top + 5), outline=(20, 200, 220), fill=(90, 90, 90))
    return np.asarray(image)


def test_figures_are_finite_bounded_and_the_same_again():
    first, again = describe(scene(0)), describe(scene(0).copy())
    assert first.shape == (348,) and first.dtype == np.float32 and np.array_equal(first, again)
    for pixels in (
        scene(1),
        np.zeros((64, 64, 3), np.uint8),
        np.full((64, 64, 3), 255, np.uint8),
        np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8),
    ):
        figures = describe(pixels)
        assert np.isfinite(figures).all() and np.abs(figures).max() <= 4


def test_sizes_and_shapes():
    for shape in ((64, 100), (127, 64), (20, 30), (1, 1)):
        assert describe(np.full((*shape, 3), 128, np.uint8)).shape == (348,)
    # a smaller and a larger drawing of one scene are nearer to each other than to another scene
    small, large, other = describe(scene(5)), describe(scene(5, 128)), describe(scene(6))
    assert np.linalg.norm(small - large) < 0.6 * np.linalg.norm(small - other)


def test_a_mark_counts_the_same_anywhere():
    flat = np.full((SIDE, SIDE, 3), 230, np.uint8)
    here, there, none = describe(marked(flat, 4, 9)), describe(marked(flat, 44, 49)), describe(flat)
    assert np.linalg.norm(here - there) < 0.35 * np.linalg.norm(here - none)


@pytest.mark.parametrize("spoil", ["noise", "blur", "mark", "colour"])
def test_what_it_is_for_shows(spoil):
    random = np.random.default_rng(0)

    def spoilt(pixels):
        if spoil == "noise":
            return np.clip(pixels + random.normal(0, 20, pixels.shape), 0, 255).astype(np.uint8)
        if spoil == "blur":
            return np.asarray(
                Image.fromarray(pixels)
                .resize((24, 24), Image.Resampling.BOX)
                .resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            )
        return marked(pixels, 30, 40) if spoil == "mark" else pixels[..., ::-1]

    clean = np.stack([describe(scene(index)) for index in range(40)])
    bad = np.stack([describe(spoilt(scene(index))) for index in range(40)])
    # the mean shift of some figure exceeds what clean scenes differ by
    assert (np.abs(bad.mean(0) - clean.mean(0)) / (clean.std(0) + 0.02)).max() > (1.2 if spoil == "mark" else 2)


def test_scorer_notes_the_thumbnail():
    view = LazySample.of(Sample(key="a", width=256, height=256, captions={}), scene(2, 256))
    AppearanceScorer().start({})([view])
    assert np.array_equal(view.features["appearance"], describe(view.thumbnail)) and not view.scores
