"""Cover to boxes: edges within a cell, kinds apart, chance left out."""

import numpy as np
import pytest

from seedream_core.data.curation.finding import boxes
from seedream_core.objectives.detector import cover
from seedream_core.synthetic.defects.planting import KINDS, Planted


def maps(*planted, rows=20, columns=30):
    items = tuple({"kind": kind, "box": list(box), "score": 1.0} for kind, box in planted)
    return cover(Planted(np.zeros((8, 8, 3), np.uint8), items), rows, columns, rows, columns)


def test_perfect_cover_gives_the_boxes_back():
    random = np.random.default_rng(0)
    for _ in range(40):
        left, top = random.uniform(0, 0.6, 2)
        box = (left, top, left + random.uniform(0.15, 0.4), top + random.uniform(0.15, 0.4))
        (found,) = boxes(maps(("sticker", box)), KINDS, 20, 30)
        assert found["kind"] == "sticker" and found["score"] > 0.7
        assert found["box"] == pytest.approx(box, abs=0.6 / 20)
        assert np.abs(np.subtract(found["box"], box)).mean() < 0.25 / 20


def test_kinds_stand_apart_though_they_touch():
    found = boxes(maps(("logo", (0, 0, 0.5, 0.5)), ("mosaic", (0.5, 0, 1, 0.5))), KINDS, 20, 30)
    assert {(box["kind"], *box["box"]) for box in found} == {("logo", 0, 0, 0.5, 0.5), ("mosaic", 0.5, 0, 1, 0.5)}


def test_what_is_surely_a_defect_but_of_no_sure_kind():
    values = maps(("watermark", (0.2, 0.2, 0.6, 0.4)))
    values[KINDS.index("watermark")] *= 0.4
    values[KINDS.index("subtitle")] = 0.3 * values[-1]
    (found,) = boxes(values, KINDS, 20, 30)
    assert found["kind"] == "watermark" and found["box"] == pytest.approx([0.2, 0.2, 0.6, 0.4], abs=0.01)


def test_chance_is_left_out():
    values = np.zeros((len(KINDS) + 1, 20, 30), np.float32)
    values[0, 3, 3] = values[-1, 3, 3] = 0.99  # one cell alone
    values[1, 10:14, 10:20] = values[-1, 10:14, 10:20] = 0.52  # many cells, none sure
    assert boxes(values, KINDS, 20, 30) == []


def test_pictures_that_end_within_a_cell():
    (found,) = boxes(maps(("mosaic", (0, 0, 1, 1)), rows=8, columns=8)[:, :8, :8], KINDS, 7.5, 7.25)
    assert found["box"] == [0, 0, 1, 1]
