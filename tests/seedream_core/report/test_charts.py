"""Charts: round ticks, values at the right place, nothing drawn of nothing."""

import json
import re

import pytest

from seedream_core.report import charts
from seedream_core.report.charts import Frame, Whisker


def test_ticks_are_round():
    assert charts.ticks(0, 100, 5) == [0, 20, 40, 60, 80, 100]
    assert charts.ticks(0.13, 0.31, 4) == pytest.approx([0.15, 0.2, 0.25, 0.3])
    assert charts.ticks(0.02, 3, 4, log=True) == pytest.approx([0.02, 0.05, 0.1, 0.2, 0.5, 1, 2])
    assert charts.ticks(1e-4, 10, 4, log=True) == pytest.approx([1e-4, 1e-3, 1e-2, 0.1, 1, 10])
    assert charts.ticks(3, 3, 4) == [3]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.25, "0.25"),
        (1234.5, "1234"),
        (12_000, "12k"),
        (5_900_000, "5.9M"),
        (3e14, "300T"),
        (9.09e-5, "9.09e-5"),
        (-0.5, "-0.5"),
        (999.7, "1000"),
        (999_999, "1M"),
        (999.6e6, "1G"),
    ],
)
def test_numbers_are_short(value, text):
    assert charts.number(value) == text


def test_a_frame_maps_values_to_pixels():
    frame = Frame(10, 110, 0, 50, (0, 10), (1, 100), log_y=True)
    assert (frame.px(0), frame.px(5), frame.px(10)) == (10, 60, 110)
    assert (frame.py(1), frame.py(10), frame.py(100)) == (50, 25, 0)


def test_a_curve_keeps_its_ends_and_is_thinned():
    points = [(step, 1 / (1 + step)) for step in range(5000)] + [(5000, float("nan"))]
    svg = charts.curve(points)
    places = json.loads(re.search(r"data-points='(.*?)'", svg)[1].replace("&#34;", '"'))
    assert len(places) <= charts.MOST_POINTS + 1
    assert places[0][2] == "0" and places[-1][2] == "4999"
    assert charts.curve([]) == charts.curve([(1, 2.0)]) == ""
    assert "NaN" not in svg and "nan" not in svg
    assert charts.curve([(0, 3.0), (1, 3.0)])  # a constant has no range of its own


def test_smoothing_keeps_a_line_and_flattens_noise():
    line = [(float(x), 2.0 * x) for x in range(100)]
    assert [y for _, y in charts.smoothed(line, log=False)] == pytest.approx([y for _, y in line])
    noise = [(float(x), (-1.0) ** x) for x in range(100)]
    assert max(abs(y) for _, y in charts.smoothed(noise, log=False)[10:90]) < 0.4


def test_ladder_charts_escape_names_and_show_each_row():
    rows = [("<b>", Whisker(0.8, 0.9, 0.95), Whisker(0.5, 0.6, 0.7)), ("student", Whisker(0.9, 0.95, 0.99), None)]
    svg = charts.intervals(rows)
    assert "&lt;b&gt;" in svg and "<b>" not in svg
    assert svg.count('class="seen"') == 2 and svg.count('class="held"') == 1
    spots = charts.scatter([("a", 0.1, Whisker(0.8, 0.9, 0.95)), ("b", 0.1, Whisker(0.8, 0.9, 0.95))])
    levels = re.findall(r'<text x="[\d.]+" y="([\d.]+)">[ab]<', spots)
    assert abs(float(levels[0]) - float(levels[1])) >= 16  # names do not cover each other


def test_a_histogram_counts_everything_once():
    svg = str(charts.histogram([0.0, 0.1, 0.1, 1.0], bins=10))
    assert svg.count('class="bar"') == 3
    assert str(charts.histogram([3.0] * 5)).count('class="bar"') == 1


def test_a_flow_is_as_wide_as_its_counts():
    svg = str(
        charts.flow(
            [
                (
                    "in <b>",
                    200,
                    [charts.LossCurve("blurred", 50, "dropped"), charts.LossCurve("shard", 2, "quarantined")],
                ),
                ("✓", 148, []),
            ]
        )
    )
    assert "in &lt;b&gt;" in svg and "blurred · 50 (25%)" in svg and "shard · 2 (1%)" in svg
    widths = [float(width) for width in re.findall(r'class="kept"[^>]* width="([\d.]+)"', svg)]
    assert widths[1] / widths[0] == pytest.approx(148 / 200, abs=1e-3)
