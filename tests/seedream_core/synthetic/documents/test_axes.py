"""Ticks are round and hold all values; the frame leaves the plot inside the picture."""

import pytest

from seedream_core.synthetic.documents import Crowded
from seedream_core.synthetic.documents.axes import Axis, Looks, frame, head, legend
from seedream_core.synthetic.documents.pen import Pen, Theme, latin

LOOKS = Looks(12, 16, 0, "top", True, True, False)


def blank(size=(300, 240)) -> Pen:
    return Pen(size, Theme("white", (255,) * 3, (0,) * 3, (200,) * 3), latin())


@pytest.mark.parametrize(
    "values, zero, ticks",
    [
        ((3, 39), True, ("0", "10", "20", "30", "40")),
        ((61, 98), False, ("60", "70", "80", "90", "100")),
        ((0.2, 0.9), True, ("0.0", "0.5", "1.0")),
        ((7, 7), False, None),
        ((1200, 3900), True, ("0", "1000", "2000", "3000", "4000")),
        ((0,), True, None),
    ],
)
def test_ticks_are_round_and_hold_the_values(values, zero, ticks):
    axis = Axis.over("vertical", "mm", values, 4, zero)
    assert ticks in (None, axis.ticks) and axis.low <= min(values) and axis.high >= max(values) and axis.low < axis.high
    assert [float(tick) for tick in axis.ticks] == sorted({float(tick) for tick in axis.ticks})
    assert 0 <= axis.share(values[0]) <= 1 and axis.share(axis.high) == 1


def test_what_is_left_for_the_plot_lies_between_the_labels():
    pen = blank()
    under = head(pen, LOOKS, "Rainfall by month", (5, 5, 295, 235))
    shown = legend(pen, LOOKS, [("2024", "red"), ("2025", "blue")], under)
    left, top, right, bottom = frame(
        pen, LOOKS, shown, ["Jan", "Feb", "Mar"], Axis.over("vertical", "mm", [0, 80], 4, True)
    )
    boxes = dict(pen.texts)
    assert boxes["Rainfall by month"][3] <= boxes["2024"][1] and boxes["2025"][3] <= top
    assert all(
        boxes[month][1] >= bottom and left <= boxes[month][0] and boxes[month][2] <= right
        for month in ("Jan", "Feb", "Mar")
    )
    assert all(boxes[tick][2] <= left for tick in ("20", "40", "60", "80")) and boxes["mm"][3] <= top
    assert boxes["80"][3] < boxes["20"][1]


def test_a_legend_on_the_right_and_categories_that_stand_upright():
    pen, looks = blank(), Looks(12, 16, 0, "right", False, False, True)
    _left, _, right, _ = legend(pen, looks, [("Plant A", "red"), ("Plant B", "blue")], (5, 5, 295, 235))
    assert right < dict(pen.texts)["Plant A"][0] and dict(pen.texts)["Plant A"][3] <= dict(pen.texts)["Plant B"][1]
    frame(
        pen,
        looks,
        (5, 5, right, 235),
        [str(year) for year in range(1990, 2004)],
        Axis.over("vertical", "", [1, 5], 4, True),
    )
    box = dict(pen.texts)["1990"]
    assert box[3] - box[1] > box[2] - box[0]
    with pytest.raises(Crowded):
        frame(
            blank(),
            looks,
            (5, 5, 295, 235),
            [str(year) for year in range(1900, 2000)],
            Axis.over("vertical", "", [1, 5], 4, True),
        )
