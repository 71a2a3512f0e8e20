"""Planted defects depend on seed and index alone, can be seen, and their truth is their boxes."""

import numpy as np
import pytest

from seedream_core.data.images.masks import union
from seedream_core.synthetic.defects.planting import KINDS, plant
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import World


def scene(index: int, side: int = 64) -> np.ndarray:
    return render(World(width=side, height=side).sample("planting", index), side, side)


def test_the_same_from_seed_and_index():
    first, second = plant(scene(1), 3, 7), plant(scene(1), 3, 7)
    assert np.array_equal(first.pixels, second.pixels) and first.boxes == second.boxes
    assert not np.array_equal(first.pixels, plant(scene(1), 3, 8).pixels)
    assert not np.array_equal(first.pixels, plant(scene(1), 4, 7).pixels)


def test_a_share_stays_clean():
    planted = [plant(scene(index), 0, index, clean=0.4) for index in range(200)]
    clean = [one for one in planted if not one.boxes]
    assert 60 <= len(clean) <= 100 and all(one.area == 0 for one in clean)
    assert all(np.array_equal(one.pixels, scene(index)) for index, one in enumerate(planted) if not one.boxes)


@pytest.mark.parametrize("side", [64, 256])
def test_every_box_can_be_seen(side):
    kinds = set()
    for index in range(60):
        clean = scene(index, side)
        planted = plant(clean, "seen", index)
        assert planted.boxes and planted.area == pytest.approx(union([box["box"] for box in planted.boxes]))
        for box in planted.boxes:
            left, top, right, bottom = (round(share * side) for share in box["box"])
            change = np.abs(planted.pixels[top:bottom, left:right].astype(int) - clean[top:bottom, left:right]).max(2)
            assert (change >= 16).mean() >= 0.02, (
                index,
                box,
            )  # a later defect may cover an earlier one in its own colour
            kinds.add(box["kind"])
    assert kinds == set(KINDS)


def test_only_the_kinds_asked_for():
    kinds = {
        box["kind"]
        for index in range(40)
        for box in plant(scene(index), "kinds", index, kinds=("logo", "subtitle")).boxes
    }
    assert kinds == {"logo", "subtitle"}


def test_what_cannot_be_seen_becomes_a_sticker():
    plain = np.full((64, 64, 3), 200, np.uint8)  # a mosaic of it changes nothing
    assert {plant(plain, 0, index, kinds=("mosaic",)).boxes[0]["kind"] for index in range(10)} == {"sticker"}


def test_areas_lie_on_both_sides_of_the_decision():
    areas = [plant(scene(index), "areas", index).area for index in range(200)]
    assert 0.2 < np.mean([area >= 0.2 for area in areas]) < 0.6 and min(areas) < 0.05 and max(areas) > 0.4
