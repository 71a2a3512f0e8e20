"""Charts for the report as inline SVG, styled by the page so that light and dark themes both work."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

MOST_POINTS = 320


@dataclass(frozen=True)
class Frame:
    """The plotting area in pixels, and the values at its edges."""

    left: float
    right: float
    top: float
    bottom: float
    x: tuple[float, float]
    y: tuple[float, float]
    log_x: bool = False
    log_y: bool = False

    def px(self, x: float) -> float:
        return round(self.left + _share(x, self.x, self.log_x) * (self.right - self.left), 1)

    def py(self, y: float) -> float:
        return round(self.bottom - _share(y, self.y, self.log_y) * (self.bottom - self.top), 1)


def curve(points: Sequence[tuple[float, float]], *, width: int = 340, height: int = 160) -> Markup:
    """A quantity over steps: a faint line as recorded, a strong line smoothed; logarithmic where its range is wide."""
    points = thin([(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)])
    if len(points) < 2:
        return Markup("")
    values = [y for _, y in points]
    log = min(values) > 0 and max(values) / min(values) > 30
    low, high = _padded(min(values), max(values), log)
    frame = Frame(44, width - 8, 8, height - 24, (points[0][0], points[-1][0]), (low, high), log_y=log)
    smooth = smoothed(points, log)
    place = [[frame.px(x), frame.py(y), number(x), number(raw)] for (x, y), (_, raw) in zip(smooth, points)]
    parts = [
        *(_across(frame, y) for y in ticks(low, high, 4, log)),
        *(_below(frame, x, number(x)) for x in ticks(*frame.x, 4)),
        f'<path class="raw" d="{_path(frame, points)}"/><path class="line" d="{_path(frame, smooth)}"/>',
        f'<g class="here"><line y1="8" y2="{frame.bottom}"/><circle r="4"/></g>',
    ]
    return _svg(width, height, parts, "curve", f" data-points='{escape(json.dumps(place))}'")


@dataclass(frozen=True)
class Whisker:
    """A share with its 95% interval, all in 0..1."""

    low: float
    share: float
    high: float

    @classmethod
    def of(cls, rate: Mapping[str, float] | None) -> Whisker | None:
        return cls(rate["low"], rate["share"], rate["high"]) if rate else None


def intervals(rows: Sequence[tuple[str, Whisker, Whisker | None]], *, width: int = 500) -> Markup:
    """One line per model: its seen (filled) and held-out (hollow) accuracy with their intervals."""
    lowest = min(whisker.low for _, *pair in rows for whisker in pair if whisker)
    start = min(0.9, max(0.0, math.floor(lowest * 10 - 1e-9) / 10))
    step = 40
    frame = Frame(120, width - 18, 8, 12 + step * len(rows), (100 * start, 100), (0, 1))
    parts = [_below(frame, x, f"{number(x)}%") for x in ticks(*frame.x, 6)]
    for row, (name, *pair) in enumerate(rows):
        middle = 8 + step * (row + 0.5)
        parts.append(f'<text class="name" x="{frame.left - 14}" y="{middle + 4}">{escape(name)}</text>')
        for whisker, css, shift in zip(pair, ("seen", "held"), (-7, 7)):
            if whisker:
                parts.append(_whisker(frame, whisker, css, middle + shift))
    return _svg(width, frame.bottom + 24, parts, "intervals")


def scatter(rows: Sequence[tuple[str, float, Whisker]], *, width: int = 500, height: int = 240) -> Markup:
    """Accuracy against seconds per picture (logarithmic), each point with its name."""
    seconds = [s for _, s, _ in rows]
    lowest = min(whisker.low for *_, whisker in rows)
    y = (min(90.0, max(0.0, 100 * lowest - 2)), 101.0)
    x = (min(seconds) / 1.5, max(seconds) * 1.5)
    frame = Frame(44, width - 90, 10, height - 26, x, y, log_x=True)
    parts = [_across(frame, v, "%") for v in ticks(y[0], 100, 4)]
    parts += [_below(frame, v, f"{number(v)} s") for v in ticks(*x, 4, log=True)]
    taken: list[tuple[float, float]] = []
    for name, at, whisker in sorted(rows, key=lambda row: -row[2].share):
        cx, cy = frame.px(at), frame.py(100 * whisker.share)
        level = cy
        while any(abs(level - other) < 16 and abs(cx - left) < 110 for left, other in taken):
            level += 2
        taken.append((cx, level))
        top, bottom = frame.py(100 * whisker.high), frame.py(100 * whisker.low)
        parts.append(
            f'<g class="spot"><line x1="{cx}" x2="{cx}" y1="{top}" y2="{bottom}"/><circle cx="{cx}" cy="{cy}" r="5"/>'
            f'<path class="leader" d="M{cx + 5} {cy}L{cx + 11} {level}"/>'
            f'<text x="{cx + 13}" y="{level + 4}">{escape(name)}</text></g>'
        )
    return _svg(width, height, parts, "scatter")


def histogram(values: Sequence[float], *, width: int = 340, height: int = 120, bins: int = 40) -> Markup:
    """A histogram; one bar where all values are equal, empty where the range is too large for an axis."""
    low, high = min(values), max(values)
    if not math.isfinite(high - low):
        return Markup("")
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, int(bins * (value - low) / (high - low))) if high > low else bins // 2] += 1
    frame = Frame(44, width - 8, 8, height - 24, (low, high), (0, max(counts)))
    step = (frame.right - frame.left) / bins
    bars = (
        f'<rect class="bar" x="{round(frame.left + place * step, 1)}" y="{frame.py(count)}" '
        f'width="{round(step - 1, 1)}" '
        f'height="{round(frame.bottom - frame.py(count), 1)}"/>'
        for place, count in enumerate(counts)
        if count
    )
    parts = [
        *(_across(frame, y) for y in ticks(0, max(counts), 3)),
        *(_below(frame, x, number(x)) for x in ticks(low, high, 4)),
        *bars,
    ]
    return _svg(width, height, parts, "histogram")


@dataclass(frozen=True)
class LossCurve:
    """Samples that leave the flow at one stage, and the reason."""

    label: str
    count: int
    fate: str


def flow(stations: Sequence[tuple[str, int, Sequence[LossCurve]]], *, width: int = 1080) -> Markup:
    """Samples through a funnel, top to bottom: (name, samples that enter, losses); widths show the numbers."""
    most = max((count for _, count, _ in stations), default=0) or 1
    left, span, row = 150, width - 150 - 330, 26
    parts, y = [], 8.0
    for name, count, losses in stations:
        wide = span * count / most
        parts.append(
            f'<text class="name" x="{left - 14}" y="{y + 15}">{escape(name)}</text>'
            f'<rect class="kept" x="{left}" y="{y}" width="{wide:.1f}" height="20"/>'
            f'<text class="tick" x="{left + 8}" y="{y + 14}">{count:,}</text>'
        )
        rest = count
        for loss in losses:
            end = left + span * rest / most
            begin = left + span * (rest - loss.count) / most
            rest -= loss.count
            top, under = y + 20, y + 20 + row
            parts.append(
                f'<path class="band" d="M{left} {top}L{end:.1f} {top}L{begin:.1f} {under}L{left} {under}Z"/>'
                f'<path class="{loss.fate}" d="M{begin:.1f} {top}L{end:.1f} {top}L{end:.1f} {top + 6}L{begin:.1f} '
                f'{under}Z"/>'
                f'<path class="leader" d="M{end:.1f} {top + 3}L{left + span + 14} {top + 12}"/>'
                f'<text x="{left + span + 20}" y="{top + 16}">{escape(loss.label)} · {loss.count:,} '
                f"({100 * loss.count / most:.2g}%)</text>"
            )
            y += row
        y += 20 + (14 if losses else 8)
    return _svg(width, y, parts, "flow")


def dots(
    points: Sequence[tuple[float, float]], groups: Sequence[int], *, width: int = 520, height: int = 380
) -> Markup:
    """Points from -1 to 1 on both axes, each in the colour of its group."""
    parts = [
        f'<circle class="g{group % 10}" cx="{8 + (x + 1) / 2 * (width - 16):.1f}" '
        f'cy="{8 + (1 - y) / 2 * (height - 16):.1f}" r="2.6"/>'
        for (x, y), group in zip(points, groups, strict=True)
    ]
    return _svg(width, height, parts, "dots")


def ticks(low: float, high: float, about: int, log: bool = False) -> list[float]:
    """Round values between low and high: 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    if log:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        wide = math.log10(high / low) > about - 1
        values = [m * 10.0**d for d in decades for m in ((1,) if wide else (1, 2, 5))]
        return [v for v in values if low <= v <= high]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def number(value: float) -> str:
    """Three significant digits without an exponent where it can be avoided: 12000 -> 12k, 0.000312 -> 3.12e-4."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.3g}")  # before the unit is chosen: 999.7k is 1M
    for size, unit in ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(rounded) >= size:
            return f"{rounded / (1e3 if unit == 'k' else size):g}{unit}"
    if abs(rounded) >= 1000:
        return f"{value:.0f}"
    if abs(value) < 1e-3:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    return f"{value:.3g}"


def thin(points: list[tuple[float, float]], most: int = MOST_POINTS) -> list[tuple[float, float]]:
    """Every n-th point and the last, so that a long log makes no larger page than a short one."""
    stride = math.ceil(len(points) / most) or 1
    return points[::stride] + ([points[-1]] if points and (len(points) - 1) % stride else [])


def smoothed(points: list[tuple[float, float]], log: bool) -> list[tuple[float, float]]:
    """Mean over a centred window of about a twentieth of the curve (of logarithms on a log axis)."""
    reach = max(1, len(points) // 40)
    found = []
    for i, (x, _) in enumerate(points):
        span = min(reach, i, len(points) - 1 - i)  # symmetric, so that the ends are not pulled inwards
        near = [math.log(y) if log else y for _, y in points[i - span : i + span + 1]]
        mean = sum(near) / len(near)
        found.append((x, math.exp(mean) if log else mean))
    return found


def _share(value: float, span: tuple[float, float], log: bool) -> float:
    low, high, value = (math.log(v) for v in (*span, value)) if log else (*span, value)
    return (value - low) / (high - low) if high > low else 0.5


def _padded(low: float, high: float, log: bool) -> tuple[float, float]:
    if log:
        return low / 1.1, high * 1.1
    room = 0.05 * (high - low) or abs(high) * 0.1 or 1.0
    return (0.0 if 0 <= low < 0.3 * high else low - room), high + room


def _path(frame: Frame, points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{frame.px(x)} {frame.py(y)}" for x, y in points)


def _across(frame: Frame, y: float, unit: str = "") -> str:
    at = frame.py(y)
    return (
        f'<line class="grid" x1="{frame.left}" x2="{frame.right}" y1="{at}" y2="{at}"/>'
        f'<text class="tick" x="{frame.left - 8}" y="{at + 4}" text-anchor="end">{number(y)}{unit}</text>'
    )


def _below(frame: Frame, x: float, text: str) -> str:
    at = frame.px(x)
    return (
        f'<line class="grid" x1="{at}" x2="{at}" y1="{frame.top}" y2="{frame.bottom}"/>'
        f'<text class="tick" x="{at}" y="{frame.bottom + 17}" text-anchor="middle">{text}</text>'
    )


def _whisker(frame: Frame, whisker: Whisker, css: str, y: float) -> str:
    low, share, high = (frame.px(100 * v) for v in (whisker.low, whisker.share, whisker.high))
    return (
        f'<g class="{css}"><line x1="{low}" x2="{high}" y1="{y}" y2="{y}"/><circle cx="{share}" cy="{y}" r="4.5"/></g>'
    )


def _svg(width: float, height: float, parts: list[str], css: str, extra: str = "") -> Markup:
    return Markup(f'<svg class="chart {css}" viewBox="0 0 {width} {height}" role="img"{extra}>{"".join(parts)}</svg>')
