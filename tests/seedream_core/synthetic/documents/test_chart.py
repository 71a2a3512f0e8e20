"""Charts show what their captions say: heights of bars, places of points, angles of slices."""

import math

import numpy as np
import pytest

from seedream_core.synthetic.documents import make
from seedream_core.synthetic.documents.chart import TYPES, Chart
from seedream_core.synthetic.documents.pen import COLORS, latin


def charts(kind: str, count: int = 3, load: float = 0.25):
    found, index = [], 0
    while len(found) < count:
        figure = make(Chart(), ("charts", index), (448, 384), load, latin())
        found += [figure] if figure.content["type"] == kind else []
        index += 1
    return found


def painted(figure, color: str, near: int = 12) -> np.ndarray:
    return np.abs(np.asarray(figure.picture).astype(int) - COLORS[color][1]).max(axis=2) < near


def axis(figure, side: str):
    """From pixels to values, by where the ticks are written."""
    ticked = next(one for one in figure.content["axes"] if one["side"] == side)
    boxes = {}
    for text, box in figure.texts:
        boxes.setdefault(text, []).append(box)
    at = 1 if side == "vertical" else 0
    edge = (lambda box: box[2]) if side == "vertical" else (lambda box: -box[1])
    places = [min(boxes[tick], key=edge) for tick in (ticked["ticks"][0], ticked["ticks"][-1])]
    first, last = ((box[at] + box[at + 2]) / 2 for box in places)
    low, high = float(ticked["ticks"][0]), float(ticked["ticks"][-1])
    return lambda pixel: low + (pixel - first) / (last - first) * (high - low), (high - low)


def test_every_type_is_drawn():
    figures = [make(Chart(), ("t", index), (384, 384), 0.12 + 0.1 * (index % 3), latin()) for index in range(60)]
    assert set(TYPES) == {figure.content["type"] for figure in figures}


@pytest.mark.parametrize("kind", ["vertical bar", "horizontal bar"])
def test_bars_are_as_long_as_the_caption_says(kind):
    side = kind.split()[0]
    for figure in charts(kind):
        value, span = axis(figure, side)
        for one in figure.content["series"]:
            ink = painted(figure, one["color"])
            for text, (left, top, _right, bottom) in figure.texts:
                if text == one["name"]:
                    ink[top - 3 : bottom + 3, left - 30 : left] = False  # its colour in the legend
            lengths = np.flatnonzero(ink.any(1 if side == "vertical" else 0))
            tip = lengths[0] if side == "vertical" else lengths[-1]
            assert abs(value(tip) - max(one["values"])) < 0.04 * span


def test_a_slice_takes_its_share():
    for figure in charts("pie", load=0.1):
        areas = {one["color"]: painted(figure, one["color"]).sum() for one in figure.content["series"]}
        for one in figure.content["series"]:
            assert abs(100 * areas[one["color"]] / sum(areas.values()) - one["values"][0]) < 3
        assert sum(one["values"][0] for one in figure.content["series"]) == 100


def test_points_lie_where_the_caption_says():
    for figure in charts("scatter", load=0.1):
        across, wide = axis(figure, "horizontal")
        for one in figure.content["series"]:
            columns = np.flatnonzero(painted(figure, one["color"], 70).any(0))
            if len(figure.content["series"]) == 1:
                assert abs(across(columns[-1]) - max(x for x, _ in one["values"])) < 0.05 * wide
                assert abs(across(columns[0]) - min(x for x, _ in one["values"])) < 0.05 * wide


def test_a_caption_with_points_and_groups_is_read_back():
    caption = (
        'A scatter chart titled "Cost against age" on a white background. The horizontal axis is named "Age" and '
        'marked "0", "50". '
        'The vertical axis is marked "-1.5", "0.0". Points of "Plan. A" (red): (1, -1.5), (2.25, 0). Points '
        "(blue): (3, 4)."
    )
    content = Chart.read(caption)
    assert content["axes"] == [
        {"side": "horizontal", "name": "Age", "ticks": ["0", "50"]},
        {"side": "vertical", "name": "", "ticks": ["-1.5", "0.0"]},
    ]
    assert content["series"] == [
        {"name": "Plan. A", "color": "red", "values": [[1, -1.5], [2.25, 0]]},
        {"name": "", "color": "blue", "values": [[3, 4]]},
    ]
    assert math.isclose(content["series"][0]["values"][1][0], 2.25)
