"""The frame of a chart: title, legend, axes with ticks and labels, and the plotting area that remains."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from seedream_core.synthetic.documents import Crowded
from seedream_core.synthetic.documents.pen import COLORS, Box, Pen

STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Axis:
    side: str
    """horizontal or vertical"""
    name: str
    low: float
    high: float
    ticks: tuple[str, ...]

    @staticmethod
    def over(side: str, name: str, values: Sequence[float], count: int, zero: bool) -> "Axis":
        """About `count` round ticks around all the values."""
        low, high = (0 if zero else min(values)), max(values)
        rough = max(high - low, 1e-9) / count
        power = 10 ** math.floor(math.log10(rough))
        step = next(power * step for step in (*STEPS, 10) if power * step >= rough * 0.999)
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        ticks = tuple(f"{number * step:.{decimals}f}" for number in range(first, max(last, first + 1) + 1))
        return Axis(side, name, float(ticks[0]), float(ticks[-1]), ticks)

    def share(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Looks:
    """Layout of a chart; sizes in pixels."""

    text: int
    title: int
    edge: int
    legend: str
    """top, right, or none"""
    grid: bool
    framed: bool
    left_title: bool


def head(pen: Pen, looks: Looks, title: str, box: Box) -> Box:
    """Draw the title along the top; returns the box below it."""
    left, top, right, bottom = box
    if not title:
        return box
    pixels = pen.fit([title], right - left, looks.title)
    at, anchor = (left, "lm") if looks.left_title else ((left + right) / 2, "mm")
    pen.write(title, at, top + 0.7 * pixels, pixels, anchor)
    return left, top + 1.7 * pixels, right, bottom


def legend(pen: Pen, looks: Looks, names: Sequence[tuple[str, str]], box: Box) -> Box:
    """Draw names with their colours, in a row on top or in a column on the right; returns the remaining box."""
    left, top, right, bottom = box
    size, names = looks.text, [(name, color) for name, color in names if name]
    if not names:
        return box
    widths = [pen.width(name, size) + 1.5 * size for name, _ in names]
    if looks.legend == "top":
        x = (left + right - sum(widths) - size * (len(names) - 1)) / 2
        for (name, color), width in zip(names, widths):
            _entry(pen, name, color, x, top + 0.7 * size, size, box)
            x += width + size
        return left, top + 1.7 * size, right, bottom
    x, y = right - max(widths), top + size
    for name, color in names:
        _entry(pen, name, color, x, y, size, box)
        y += 1.5 * size
    return left, top, x - size, bottom


def _entry(pen: Pen, name: str, color: str, x: float, y: float, size: int, box: Box) -> None:
    pen.box((x, y - 0.4 * size, x + 0.8 * size, y + 0.4 * size), COLORS[color][1])
    pen.write(name, x + 1.2 * size, y, size, "lm", within=box)


def frame(pen: Pen, looks: Looks, box: Box, across: Axis | Sequence[str], up: Axis | Sequence[str]) -> Box:
    """Draw axes and labels around the plot and return the plot's box; categories take the place of an axis without
    numbers.
    """
    left, top, right, bottom = box
    size = looks.text
    down, beside = _labels(up), _labels(across)
    left += max(pen.width(label, size) for label in down) + 0.6 * size
    if isinstance(up, Axis) and up.name:
        pen.write(
            up.name,
            left - max(pen.width(label, size) for label in down) - 0.6 * size,
            top + 0.6 * size,
            size,
            "lm",
            within=box,
        )
        top += 1.5 * size
    if isinstance(across, Axis):
        right -= pen.width(beside[-1], size) / 2
        if across.name:
            bottom -= 1.4 * size
            pen.write(across.name, (left + right) / 2, bottom + 0.7 * size, size, "mm", within=box)
    pitch = (right - left) / max(1, len(beside))
    turned = not isinstance(across, Axis) and max(pen.width(label, size) for label in beside) > pitch - 2
    if turned and pitch < size + 1:
        raise Crowded("categories")
    bottom -= max(pen.width(label, size) for label in beside) + 0.6 * size if turned else 1.5 * size
    if right - left < 0.35 * pen.size[0] or bottom - top < 0.35 * pen.size[1]:
        raise Crowded("plot")
    plot = (left, top, right, bottom)
    if looks.framed:
        pen.box(plot, None, pen.theme.faint)
    _grid(pen, looks, plot, across, up)
    for label, x in zip(beside, _places(across, left, right)):
        pen.write(label, x, bottom + 0.3 * size + 1, size, "rm" if turned else "mt", turned=turned)
    for label, y in zip(down, _places(up, bottom, top) if isinstance(up, Axis) else _places(up, top, bottom)):
        pen.write(label, left - 0.4 * size, y, size, "rm")
    pen.line([(left, top), (left, bottom)])
    pen.line([(left, bottom), (right, bottom)])
    return plot


def _grid(pen: Pen, looks: Looks, plot: Box, across: Axis | Sequence[str], up: Axis | Sequence[str]) -> None:
    left, top, right, bottom = plot
    if looks.grid and isinstance(up, Axis):
        for y in _places(up, bottom, top)[1:]:
            pen.line([(left, y), (right, y)], pen.theme.faint)
    if looks.grid and isinstance(across, Axis):
        for x in _places(across, left, right)[1:]:
            pen.line([(x, top), (x, bottom)], pen.theme.faint)


def _labels(side: Axis | Sequence[str]) -> Sequence[str]:
    return side.ticks if isinstance(side, Axis) else side


def _places(side: Axis | Sequence[str], start: float, end: float) -> list[float]:
    """Positions of the labels: ticks from end to end, categories in the centres of equal bands."""
    count = len(_labels(side))
    if isinstance(side, Axis):
        return [start + (end - start) * number / (count - 1) for number in range(count)]
    return [start + (end - start) * (number + 0.5) / count for number in range(count)]
