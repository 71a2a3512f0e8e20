"""Crop, shift and brightness are found as they were made; what is left tells the same picture from another."""

import numpy as np
import pytest
from PIL import Image

from seedream_core.data.curation.scorers.signature import signature
from seedream_core.data.images.registration import Alignment, contrast, lay, prepare, residual
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import Object, Scene, World

CROP, SHIFT = 0.04, 0.005


def compare(first: np.ndarray, second: np.ndarray, crop: float = CROP, shift: float = SHIFT):
    one, other = (prepare(signature(picture)[None]) for picture in (first, second))
    (height, width), (high, wide) = first.shape[:2], second.shape[:2]
    stretch = np.float32([np.log(wide / high * height / width) / 2])
    laid = lay(one, other, stretch, np.float32([0.004]), crop, shift)
    return laid, float(residual(one, other, laid)[0])


def scene(*objects: tuple[str, str, float, float, float], side: int = 128, background: str = "gray") -> np.ndarray:
    return render(Scene("one", background, tuple(Object(*one) for one in objects)), side, side)


CLEAN = scene(("red", "star", 0.4, 0.55, 0.4))


@pytest.mark.parametrize(
    ("box", "scale", "across", "down"),
    [
        ((4, 4, 124, 124), 120 / 128, 0, 0),
        ((0, 0, 124, 124), 124 / 128, -4 / 128, -4 / 128),
        ((4, 2, 126, 124), 122 / 128, 2 / 128, -2 / 128),
    ],
)
def test_crops_are_found(box, scale, across, down):
    laid, left = compare(CLEAN, CLEAN[box[1] : box[3], box[0] : box[2]])
    assert np.exp(laid.scale[0]) == pytest.approx(scale, abs=0.01) and left < 0.06
    assert laid.across[0] == pytest.approx(across, abs=0.008) and laid.down[0] == pytest.approx(down, abs=0.008)
    back, left = compare(CLEAN[box[1] : box[3], box[0] : box[2]], CLEAN)
    assert np.exp(-back.scale[0]) == pytest.approx(scale, abs=0.01) and left < 0.06


def test_a_crop_of_one_edge_changes_the_aspect():
    cut = CLEAN[:, 5:]
    laid, left = compare(CLEAN, cut)
    assert left < 0.06 and np.exp(laid.scale[0] + laid.stretch[0]) == pytest.approx(123 / 128, abs=0.01)
    assert np.exp(laid.scale[0] - laid.stretch[0]) == pytest.approx(1, abs=0.01)
    squeezed = np.asarray(Image.fromarray(cut).resize((128, 128)))
    assert compare(CLEAN, squeezed)[1] > left


@pytest.mark.parametrize(("gain", "offset"), [(0.9, 0), (1.1, 0), (1, 25.5), (1, -25.5)])
@pytest.mark.parametrize("background", ["gray", "pink", "white"])
def test_brightness_is_found_though_white_is_cut_off(gain, offset, background):
    clean = scene(("red", "star", 0.4, 0.55, 0.4), ("blue", "circle", 0.7, 0.2, 0.3), background=background)
    shaded = np.clip(clean * gain + offset, 0, 255).round().astype(np.uint8)
    assert compare(clean, shaded)[1] < 0.15 and compare(shaded, clean)[1] < 0.15


@pytest.mark.parametrize(
    "other",
    [
        ("blue", "star", 0.4, 0.55, 0.4),
        ("orange", "star", 0.4, 0.55, 0.4),
        ("red", "circle", 0.4, 0.55, 0.4),
        ("red", "heart", 0.4, 0.55, 0.4),
        ("red", "star", 0.46, 0.55, 0.4),
        ("red", "star", 0.4, 0.5, 0.4),
        ("red", "star", 0.4, 0.55, 0.5),
        ("red", "star", 0.6, 0.45, 0.4),
    ],
)
def test_another_colour_shape_place_or_size_is_left(other):
    assert compare(CLEAN, scene(other))[1] > 0.25


def test_larger_crops_and_shifts_are_found_where_they_are_allowed():
    far = CLEAN[8:120, 10:122]
    assert compare(CLEAN, far)[1] > 0.2 and compare(CLEAN, far, crop=0.09)[1] < 0.1
    one, other = CLEAN[:122, :122], CLEAN[6:, 6:]
    assert compare(one, other)[1] > 0.2 and compare(one, other, shift=0.06)[1] < 0.1


def test_a_pair_does_not_depend_on_the_others():
    pictures = np.stack([signature(render(World().sample(5, index), 64, 64)) for index in range(6)])
    first, second = prepare(pictures[:3]), prepare(pictures[3:])
    nothing = np.zeros(3, np.float32)
    together = lay(first, second, nothing, nothing + 0.01, CROP, SHIFT)
    for place in range(3):
        here = slice(place, place + 1)
        alone = lay(first[here], second[here], nothing[here], nothing[here] + np.float32(0.01), CROP, SHIFT)
        assert all(np.array_equal(value[here], getattr(alone, name)) for name, value in vars(together).items())
        assert residual(first[here], second[here], alone)[0] == residual(first, second, together)[place]


@pytest.mark.parametrize("channels", [3, 1])
def test_a_residual_is_the_windows_difference_over_the_contrast(channels):
    """By hand: pictures that lie exactly over one another but for one block that is wider than the window."""

    def spread(*pictures: np.ndarray) -> float:
        return max(np.sqrt(np.mean([part.var() for part in picture[0]])) for picture in pictures)

    first = np.random.default_rng(3).uniform(0.3, 0.7, (1, 3, 32, 32)).astype(np.float32)
    second = first.copy()
    second[:, :channels, 10:20, 12:22] += 0.1
    none, one = np.zeros(1, np.float32), np.ones(1, np.float32)
    left = residual(first, second, Alignment(none, none, none, none, one, none))
    assert left[0] == pytest.approx(0.1 * np.sqrt(channels / 3) / (spread(first, second) + 0.02), rel=1e-4)
    second = first.copy()
    second[:, :, 15, 15] += 0.2  # one pixel: a fiftieth of its window, so that it counts by itself
    left = residual(first, second, Alignment(none, none, none, none, one, none))
    assert left[0] == pytest.approx(0.3 * 0.2 / (spread(first, second) + 0.02), rel=1e-4)


def test_uniform_pictures_have_no_contrast():
    flat = np.full((64, 64, 3), 128, np.uint8)
    assert contrast(prepare(signature(flat)[None]))[0] == pytest.approx(0, abs=1e-6)
    assert (
        compare(flat, flat)[1] == pytest.approx(0, abs=1e-5)
        and compare(flat, np.full_like(flat, (128, 128, 190)))[1] > 0.5
    )
