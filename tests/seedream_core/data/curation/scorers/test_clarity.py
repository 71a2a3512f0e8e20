"""Sharpness falls with blur and only with it; noise is measured in levels and is no texture."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers.clarity import LEFT, ClarityScorer, _slopes, _smooth, blur, noise, planes
from seedream_core.randomness import Rng
from seedream_core.records import Sample
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import SceneRequest, Thing, World


def scores(pixels: np.ndarray) -> dict[str, float]:
    view = LazySample.of(Sample(key="a", width=pixels.shape[1], height=pixels.shape[0], captions={}), pixels)
    ClarityScorer().start({})([view])
    return view.scores


def softened(pixels: np.ndarray, sigma: float) -> np.ndarray:
    return np.array(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(sigma)))


def grained(pixels: np.ndarray, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, sigma, pixels.shape[:2])[..., None]
    return (pixels + noise + 0.5).clip(0, 255).astype(np.uint8)


def scene(index: int, side: int) -> np.ndarray:
    return render(World(width=side, height=side).sample(7, index), side, side)


@pytest.mark.parametrize("side", [64, 256, 512, 1024])
def test_sharpness_falls_with_blur(side):
    for index in range(3):
        clean = scene(index, side)
        found = [
            scores(picture)["sharpness"]
            for picture in (clean, *(softened(clean, side * share) for share in (0.025, 0.05)))
        ]
        assert found[0] > 0.75 and found[0] > found[1] > found[2] and found[1] < 0.5


def test_a_straight_edge_reads_as_far_as_it_was_blurred():
    edge = np.full((128, 128, 3), 40, np.uint8)
    edge[:, 64:] = 200
    for contrast in (1.0, 0.2):
        pixels = (edge * contrast).astype(np.uint8)
        read = [blur(planes(softened(pixels, sigma))[0]) for sigma in (2, 4)]
        assert read == pytest.approx([2, 4], rel=0.15)


def test_a_sharp_subject_before_a_blurred_ground_is_sharp():
    rest, subject = softened(scene(1, 256), 6), scene(2, 256)
    rest[80:180, 80:180] = subject[80:180, 80:180]
    assert scores(rest)["sharpness"] > 0.5 > scores(softened(rest, 4))["sharpness"]


def test_grain_neither_hides_a_blur_nor_makes_one():
    clean = scene(4, 256)
    assert scores(grained(clean, 5))["sharpness"] > 0.5 > scores(grained(softened(clean, 4), 5))["sharpness"]


def test_edges_in_colour_alone_are_edges():
    # Cyan is as bright as this gray; JPEG keeps its colour at half the resolution.
    world = World(held_out=())
    clean = render(world.arrange(SceneRequest("one", "gray", (Thing("cyan", "square"),), 1), Rng("test")), 64, 64)
    assert len(planes(clean)) == 2
    assert scores(clean)["sharpness"] > 0.5 > scores(softened(clean, 1.5))["sharpness"]


def test_noise_in_levels():
    ramp = np.repeat(np.linspace(40, 200, 256).astype(np.uint8)[None, :, None], 256, 0).repeat(3, 2)
    for sigma in (0, 5, 20, 40):
        assert 255 * scores(grained(ramp, sigma))["noise"] == pytest.approx(sigma, rel=0.1, abs=0.5)


def test_texture_and_halves_of_a_picture_are_no_noise():
    rough = softened(np.random.default_rng(1).integers(0, 256, (256, 256, 3), np.uint8), 1.5)
    assert noise(np.asarray(planes(rough)[0])) < 1
    half = scene(3, 256)
    half[:, :100] = grained(half, 30)[:, :100]
    assert scores(half)["noise"] < 0.01


def test_what_the_blurs_leave_of_white_noise():
    point = np.zeros((41, 41), np.float32)
    point[20, 20] = 1
    first = _smooth(point, 4, 1)
    assert pytest.approx((_slopes(first).sum(), _slopes(_smooth(first, 3, 2)).sum()), rel=0.001) == LEFT


def test_pictures_without_edges_and_tiny_ones():
    flat = scores(np.full((64, 64, 3), 9, np.uint8))
    assert flat == {"noise": 0.0, "sharpness": 0.0}
    for shape in ((1, 1, 3), (10, 300, 3), (31, 31, 3), (32, 33, 3)):
        found = scores(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
        assert all(0 <= value <= 1 for value in found.values())
