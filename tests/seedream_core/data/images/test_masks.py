"""Boxes to area and latent masks: unions are exact, any overlap spoils a cell, and its neighbours with it."""

import numpy as np
import pytest

from seedream_core.data.images.masks import cropped, latent_mask, saved, union
from seedream_core.errors import DataError


def box(*sides):
    return {"kind": "logo", "box": list(sides)}


def test_union_counts_nothing_twice():
    assert union([]) == 0
    assert union([(0, 0, 0.5, 0.5)]) == pytest.approx(0.25)
    assert union([(0, 0, 0.5, 0.5), (0.25, 0.25, 0.75, 0.75), (0.3, 0.3, 0.4, 0.4)]) == pytest.approx(0.4375)
    assert union([(-1, 0.5, 2, 3)]) == pytest.approx(0.5)
    assert union([(0.5, 0.5, 0.4, 0.6)]) == union([(2, 2, 3, 3)]) == 0


def test_union_agrees_with_painting():
    random = np.random.default_rng(0)
    for _ in range(50):
        corners = random.integers(0, 101, (6, 2, 2))
        boxes, painted = [(*np.minimum(*c), *np.maximum(*c)) for c in corners], np.zeros((100, 100), bool)
        for left, top, right, bottom in boxes:
            painted[top:bottom, left:right] = True
        assert union([np.divide(sides, 100) for sides in boxes]) == pytest.approx(painted.mean())


def test_any_overlap_spoils_a_cell_and_those_beside_it():
    mask = latent_mask([box(0.49, 0.5, 0.51, 0.625)], 8, 8, dilate=0)
    assert mask.dtype == np.float32 and np.argwhere(mask == 0).tolist() == [[4, 3], [4, 4]]
    assert (latent_mask([box(0.49, 0.5, 0.51, 0.625)], 8, 8)[3:6, 2:6] == 0).all()
    assert latent_mask([box(0.49, 0.5, 0.51, 0.625)], 8, 8).sum() == 64 - 12
    assert latent_mask([], 4, 6).tolist() == np.ones((4, 6)).tolist()


def test_a_box_that_ends_where_a_cell_does_spoils_no_more():
    mask = latent_mask([box(1 / 3, 0, 2 / 3, 1 / 3)], 6, 6, dilate=0)
    assert np.argwhere(mask == 0).tolist() == [[0, 2], [0, 3], [1, 2], [1, 3]]
    rounded = latent_mask([box(round(1 / 3, 5), 0, round(2 / 3, 5), 1)], 300, 300, dilate=0)
    assert (rounded == 0).any(0).sum() == 100


def test_boxes_over_the_edge():
    assert latent_mask([box(-0.5, -0.5, 0.1, 2)], 4, 4, dilate=0).tolist() == [[0, 1, 1, 1]] * 4
    assert latent_mask([box(1.2, 0, 1.5, 1), box(0.5, 0.5, 0.5, 0.5)], 4, 4).all()
    assert not latent_mask([box(0, 0, 1, 1)], 4, 4).any()


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"box": [0, 0, 1]},
        {"box": [0, 0, 1, "1"]},
        {"box": [0, 0, 1, True]},
        "box",
        {"box": [0, 0, 1, 1e9]},
        {"box": [0, 0, 1, float("nan")]},
    ],
)
def test_what_is_no_box(wrong):
    with pytest.raises(DataError, match="four shares"):
        latent_mask([wrong], 4, 4)


def test_saved_says_what_dropping_would_lose():
    found = saved([0, 0, 0, 0, 0.1, 0.19, 0.2, 0.7])
    assert found == {
        "samples": 8,
        "clean": 4,
        "masked": 2,
        "dropped": 2,
        "share": 0.25,
        "more": 0.5,
        "effective": pytest.approx(1.71 / 4, abs=1e-4),
    }
    assert saved([0, 0.1], most=0.05)["masked"] == 0 and saved([])["share"] == 0


def test_what_is_no_defect_is_not_masked():
    from seedream_core.data.images.masks import DEFECTS
    from seedream_core.synthetic.defects import Defect

    assert Defect.names() == DEFECTS
    text, mark = {"kind": "text", "box": [0, 0, 1, 1], "text": "开"}, {"kind": "logo", "box": [0, 0, 0.1, 0.1]}
    assert latent_mask([text], 4, 4).all() and not latent_mask([text, mark], 4, 4).all()


@pytest.mark.parametrize("before, after", [((200, 100), (50, 50)), ((100, 200), (50, 50)), ((100, 100), (80, 80))])
def test_cropped_boxes_are_the_picture_that_is_left(before, after):
    """Against painting: a box drawn on the whole picture, then the middle of it cut out."""
    draw = np.random.default_rng(0)
    side = min(before)
    left, top = (before[0] - side) // 2, (before[1] - side) // 2
    lost = 0
    for _ in range(60):
        low, size = draw.integers(0, before), draw.integers(1, 60, 2)
        high = np.minimum(low + size, before)
        painted = np.zeros(before[::-1], bool)
        painted[low[1] : high[1], low[0] : high[0]] = True
        rows, columns = np.nonzero(painted[top : top + side, left : left + side])
        found = cropped([box(*(low / before), *(high / before))], before, after)
        lost += not len(rows)
        assert len(found) == (len(rows) > 0)
        if found:
            expected = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / side
            np.testing.assert_allclose(found[0]["box"], expected, atol=1e-5)
    assert (lost > 0) == (before != (100, 100))
