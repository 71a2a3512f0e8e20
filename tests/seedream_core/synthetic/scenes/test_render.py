"""Coverage is exact area: it sums to the shape's own, wherever it stands; and pictures follow their scene's truth."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from seedream_core.synthetic.scenes.render import area, coverage, png, render
from seedream_core.synthetic.scenes.world import BACKGROUNDS, COLORS, EXTENTS, World


@pytest.mark.parametrize("shape", EXTENTS)
@pytest.mark.parametrize("size", [13.3, 40.0, 300.0])
def test_coverage_sums_to_the_area_and_fills_the_box(shape, size):
    mask = coverage(shape, 251.3, 249.8, size, range(500), range(500))
    assert mask.min() > -1e-9 and mask.max() < 1 + 1e-9
    assert mask.sum() == pytest.approx(area(shape) * size**2, rel=1e-2)
    rows, columns = (np.flatnonzero(mask.max(axis) > 0.5) for axis in (1, 0))
    assert np.ptp(columns) + 1 == pytest.approx(EXTENTS[shape][0] * size, abs=3)
    assert np.ptp(rows) + 1 == pytest.approx(EXTENTS[shape][1] * size, abs=3)


def test_coverage_agrees_with_dense_sampling():
    """The circle, against the share of 40×40 points in each pixel."""
    points = (np.arange(30 * 40) + 0.5) / 40
    dense = np.hypot(points[None] - 15.2, points[:, None] - 14.7) <= 6.5
    shares = dense.reshape(30, 40, 30, 40).mean((1, 3))
    assert np.abs(coverage("circle", 15.2, 14.7, 13.0, range(30), range(30)) - shares).max() < 0.02


def test_shapes_have_similar_areas():
    assert all(0.6 < area(shape) < 0.85 for shape in EXTENTS)


@pytest.mark.parametrize("size", [(64, 64), (96, 64), (128, 256)])
def test_pictures_show_their_scene(size):
    world = World(width=size[0], height=size[1])
    for index in range(30):
        scene = world.sample(0, index)
        picture = render(scene, *size)
        assert picture.shape == (size[1], size[0], 3) and picture.dtype == np.uint8
        assert tuple(picture[0, 0]) == BACKGROUNDS[scene.background]
        for one in scene.objects:
            x, y = (int(place * min(size)) for place in (one.x, one.y))
            assert tuple(picture[y, x]) == COLORS[one.color]


def test_png_is_lossless_and_rendering_repeatable():
    scene = World().sample(2, 9)
    picture = render(scene, 64, 64)
    assert np.array_equal(np.asarray(Image.open(BytesIO(png(picture)))), picture)
    assert png(render(scene, 64, 64)) == png(picture)
