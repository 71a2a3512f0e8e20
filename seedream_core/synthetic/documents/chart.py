"""Draws charts (vertical and horizontal bars, lines, pies, scatter plots); the caption states every value (Seedream
4.0).
"""

import math
import re
from dataclasses import dataclass
from typing import Any

from seedream_core.randomness import Rng
from seedream_core.synthetic.documents import Crowded, Figure, Knowledge, Order, phrases
from seedream_core.synthetic.documents.axes import Axis, Looks, frame, head, legend
from seedream_core.synthetic.documents.pen import COLORS, Box, Pen, Theme
from seedream_core.synthetic.documents.phrases import listed, paragraph, quote, quoted
from seedream_core.synthetic.documents.vocabulary import CATEGORIES, GROUPS, QUANTITIES, SUBJECTS, said, some

TYPES = {
    "vertical bar": "竖直柱状",
    "horizontal bar": "水平条形",
    "line": "折线",
    "pie": "饼",
    "ring": "环形",
    "scatter": "散点",
}
ROUND = ("pie", "ring")
SIDES = {"horizontal": "横", "vertical": "纵"}
ENGLISH = {chinese: name for name, (chinese, _) in COLORS.items()}
Content = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Chart(Knowledge):
    def figure(self, order: Order) -> Figure:
        draw, theme = order.draw, Theme.drawn(order.draw)
        content = _content(order)
        looks, edge = _looks(order), round(0.03 * min(order.size)) + 2
        pen = Pen(order.size, theme, order.face)
        box = head(pen, looks, content["title"], (edge, edge, order.size[0] - edge, order.size[1] - edge))
        named = [(one["name"], one["color"]) for one in content["series"]] if content["type"] not in ROUND else []
        shown = legend(pen, looks, named, box)
        {"pie": _pie, "ring": _pie, "scatter": _scatter, "line": _lines}.get(content["type"], _bars)(
            pen, looks, content, shown, draw
        )
        captions = {
            language: {"short": _short(content, language), "long": _long(content, theme, language)}
            for language in ("en", "zh")
        }
        return Figure(pen.finish(), captions, content, tuple(pen.texts), pen.marks)

    @staticmethod
    def read(caption: str) -> Content | None:
        return _read(caption)


def _looks(order: Order) -> Looks:
    draw, short = order.draw, min(order.size)
    # Charts with much content get smaller text, as people do.
    full = min(1.0, order.marks / (0.8 * math.sqrt(order.size[0] * order.size[1])))
    text = max(order.face.least, round(short * (0.042 - 0.016 * full) * draw.uniform(0.85, 1.15)))
    return Looks(
        text,
        round(text * draw.uniform(1.1, 1.6)),
        0,
        draw.choice(("top", "right")),
        draw.uniform(0, 1) < 0.6,
        draw.uniform(0, 1) < 0.25,
        draw.uniform(0, 1) < 0.3,
    )


def _content(order: Order) -> Content:
    """The content of the chart, as much as the order's number of marks allows."""
    draw, budget, language = order.draw, order.marks, order.language
    weights = {"vertical bar": 2.0, "horizontal bar": 1.2, "line": 2.0, "scatter": 1.0 + budget / 300}
    weights |= dict.fromkeys(ROUND, 0.9) if budget < 90 else {}
    kind = draw.weighted(weights)
    subject, titled = draw.choice(SUBJECTS), budget > 45 and draw.uniform(0, 1) < 0.8
    if kind == "scatter":
        return _points(order, titled)
    what = draw.choice(
        [what for what in CATEGORIES if len(CATEGORIES[what]) >= (3 if kind in ROUND else min(12, budget / 12))]
    )
    title = f"{subject[0]} by {what[0]}" if language == "en" else f"各{what[1]}{subject[1]}"
    title = title if titled else ""
    budget -= len(title)
    if kind in ROUND:
        return _shares(order, kind, title, what, budget)
    labelled, named = draw.uniform(0, 1) < 0.4, budget > 40 and draw.uniform(0, 1) < 0.7
    decimals = draw.choice((0, 0, 1))
    names = [said(one, language) for one in CATEGORIES[what]]
    budget -= 24 + (len(subject[2]) if named else 0)
    cost = (4 + decimals if labelled else 1) + (1 if kind == "line" else 0)
    groups = 1 if budget < 60 else 1 + int(draw.uniform(0, min(5, 1 + budget / (8 * cost))))
    if kind == "line" and groups > 1 and labelled:
        labelled, cost = False, 2
    length = sum(map(len, names)) / len(names)
    count = max(2, min(len(names), round(budget / (length + groups * cost))))
    start = int(draw.uniform(0, len(names) - count + 1)) if what[0] in ("month", "weekday", "year", "day") else None
    categories = some(draw, names, count) if start is None else names[start : start + count]
    low, high = subject[4:]
    span = sorted((draw.uniform(low, high), draw.uniform(low, high)))
    span = (low, high) if span[1] - span[0] < 0.3 * (high - low) else span
    series = [
        {"name": name, "color": color, "values": [_number(draw.uniform(*span), decimals) for _ in categories]}
        for name, color in zip(_names(draw, groups, language, what[0]), some(draw, list(COLORS), groups))
    ]
    name = subject[2 if language == "en" else 3] if named else ""
    side = "horizontal" if kind == "horizontal bar" else "vertical"
    axis = Axis.over(
        side, name, [value for one in series for value in one["values"]], 3 + int(draw.uniform(0, 3)), kind != "line"
    )
    return {
        "type": kind,
        "title": title,
        "labelled": labelled,
        "axes": [_axis(axis)],
        "categories": categories,
        "series": series,
    }


def _shares(order: Order, kind: str, title: str, what: tuple[str, str], budget: float) -> Content:
    """Whole percentages with a sum of 100."""
    draw, names = order.draw, [said(one, order.language) for one in CATEGORIES[what]]
    labelled = draw.uniform(0, 1) < 0.5
    count = int(
        max(2, min(len(names), len(COLORS) - 1, 8, budget / (sum(map(len, names)) / len(names) + 1 + 3 * labelled)))
    )
    parts = [draw.uniform(0.35, 1.6) for _ in range(count)]
    values = [max(4, round(100 * part / sum(parts))) for part in parts]
    values[values.index(max(values))] += 100 - sum(values)
    series = [
        {"name": name, "color": color, "values": [value]}
        for name, color, value in zip(some(draw, names, count), some(draw, list(COLORS), count), values)
    ]
    return {"type": kind, "title": title, "labelled": labelled, "axes": [], "categories": [], "series": series}


def _points(order: Order, titled: bool) -> Content:
    draw, language = order.draw, order.language
    first, second = some(draw, QUANTITIES, 2)
    title = (
        (f"{second[0]} against {first[0].lower()}" if language == "en" else f"{second[1]}与{first[1]}")
        if titled
        else ""
    )
    groups = 1 + int(draw.uniform(0, 3)) if order.marks > 80 else 1
    count = max(3, round((order.marks - len(title) - 40 - 7 * (groups > 1) * groups) / groups))
    top = [draw.choice((10, 50, 100, 200)) for _ in "xy"]
    series = []
    for name, color in zip(_names(draw, groups, language, ""), some(draw, list(COLORS), groups)):
        lean, spread, start = draw.uniform(-1, 1), draw.uniform(0.1, 0.4), draw.uniform(0.2, 0.8)
        spots: dict[tuple, None] = {}
        for _ in range(3 * count):
            x = draw.uniform(0.02, 1)
            y = start + lean * (x - 0.5) + spread * (draw.uniform(-1, 1) + draw.uniform(-1, 1)) / 2
            if 0 <= y <= 1 and len(spots) < count:
                spots[_number(x * top[0], int(top[0] < 100)), _number(y * top[1], int(top[1] < 100))] = None
        series.append({"name": name, "color": color, "values": [list(spot) for spot in spots]})
    named = draw.uniform(0, 1) < 0.75
    axes = [
        Axis.over(
            side,
            said(name, language) if named else "",
            [spot[at] for one in series for spot in one["values"]],
            3 + int(draw.uniform(0, 3)),
            draw.uniform(0, 1) < 0.6,
        )
        for at, (side, name) in enumerate(zip(SIDES, (first, second)))
    ]
    return {
        "type": "scatter",
        "title": title,
        "labelled": False,
        "axes": [_axis(one) for one in axes],
        "categories": [],
        "series": series,
    }


def _names(draw: Rng, groups: int, language: str, what: str) -> list[str]:
    named = [group for group in GROUPS if not (what == "year" and group[0].isdigit())]
    return [said(one, language) for one in some(draw, named, groups)] if groups > 1 else [""]


def _number(value: float, decimals: int) -> int | float:
    return round(value, decimals) if decimals else round(value)


def _axis(axis: Axis) -> Content:
    return {"side": axis.side, "name": axis.name, "ticks": list(axis.ticks)}


def _of(axis: Content) -> Axis:
    return Axis(axis["side"], axis["name"], float(axis["ticks"][0]), float(axis["ticks"][-1]), tuple(axis["ticks"]))


def _bars(pen: Pen, looks: Looks, content: Content, box: Box, draw: Rng) -> None:
    upright, axis, series = content["type"] == "vertical bar", _of(content["axes"][0]), content["series"]
    sides = (content["categories"], axis) if upright else (axis, content["categories"])
    left, top, right, bottom = frame(pen, looks, box, *sides)
    band = ((right - left) if upright else (bottom - top)) / len(content["categories"])
    thick = band * draw.uniform(0.6, 0.85) / len(series)
    if thick < 2 or (not upright and band < pen.face.at(looks.text).size + 1):
        raise Crowded("bars")
    for number, one in enumerate(series):
        for place, value in enumerate(one["values"]):
            start = (left if upright else top) + band * (place + 0.5) + thick * (number - len(series) / 2)
            reach = axis.share(value) * ((bottom - top) if upright else (right - left))
            bar = (
                (start, bottom - reach, start + thick, bottom)
                if upright
                else (left, start, left + reach, start + thick)
            )
            pen.box(bar, COLORS[one["color"]][1])
            if content["labelled"]:
                at = (start + thick / 2, bar[1] - 2, "mb") if upright else (bar[2] + 3, start + thick / 2, "lm")
                pen.write(_said(value), *at[:2], _label_size(pen, looks, looks.text if upright else thick), at[2])


def _label_size(pen: Pen, looks: Looks, room: float) -> int:
    if room < pen.face.least:
        raise Crowded("labels")
    return max(pen.face.least, min(looks.text - 1, int(room)))


def _lines(pen: Pen, looks: Looks, content: Content, box: Box, draw: Rng) -> None:
    axis = _of(content["axes"][0])
    left, top, right, bottom = frame(pen, looks, box, content["categories"], axis)
    band, dotted, thick = (right - left) / len(content["categories"]), draw.uniform(0, 1) < 0.6, draw.uniform(1.2, 2.4)
    if band < 4:
        raise Crowded("points")
    for one in content["series"]:
        color = COLORS[one["color"]][1]
        points = [
            (left + band * (place + 0.5), bottom - axis.share(value) * (bottom - top))
            for place, value in enumerate(one["values"])
        ]
        pen.line(points, color, thick)
        for (x, y), value in zip(points, one["values"]):
            if dotted:
                pen.oval((x - 2 * thick, y - 2 * thick, x + 2 * thick, y + 2 * thick), color)
            if content["labelled"]:
                pen.write(_said(value), x, y - 2 * thick - 2, _label_size(pen, looks, looks.text), "mb")


def _scatter(pen: Pen, looks: Looks, content: Content, box: Box, draw: Rng) -> None:
    across, up = map(_of, content["axes"])
    left, top, right, bottom = frame(pen, looks, box, across, up)
    radius = max(1.5, min(pen.size) * draw.uniform(0.005, 0.012))
    for one in content["series"]:
        for x, y in one["values"]:
            x, y = left + across.share(x) * (right - left), bottom - up.share(y) * (bottom - top)
            pen.oval((x - radius, y - radius, x + radius, y + radius), COLORS[one["color"]][1], pen.theme.paper, 0.5)


def _pie(pen: Pen, looks: Looks, content: Content, box: Box, draw: Rng) -> None:
    left, top, right, bottom = box
    size = looks.text
    names = [one["name"] + (f" {_said(one['values'][0])}%" if content["labelled"] else "") for one in content["series"]]
    room = max(pen.width(name, size) for name in names) + size
    high, lift = (1.1 * size, 0.6 * size) if content["labelled"] else (0.5 * size, 0.0)
    radius = min((right - left) / 2 - room, (bottom - top) / 2 - 2 * high - 0.5 * size)
    if radius < 0.15 * min(pen.size):
        raise Crowded("pie")
    x, y, turn = (left + right) / 2, (top + bottom) / 2, draw.uniform(0, 360)
    for one in content["series"]:
        value = one["values"][0]
        pen.slice((x - radius, y - radius, x + radius, y + radius), turn, turn + 3.6 * value, COLORS[one["color"]][1])
        middle = math.radians(turn + 1.8 * value)
        at = (x + (radius + 0.7 * size) * math.cos(middle), y + (radius + 0.4 * size + high) * math.sin(middle) - lift)
        label, small = f"{value}%", max(pen.face.least, size - 1)
        wide = max(pen.width(one["name"], size), pen.width(label, small) if content["labelled"] else 0)
        aside = (math.cos(middle) > 0.25) - (math.cos(middle) < -0.25)
        written = pen.write(one["name"], at[0] + aside * wide / 2, at[1], size, "mm", within=box)
        if content["labelled"]:
            pen.write(label, at[0] + aside * wide / 2, written[3] + 2, small, "mt", within=box)
        turn += 3.6 * value
    if content["type"] == "ring":
        hole = 0.55 * radius
        pen.oval((x - hole, y - hole, x + hole, y + hole), pen.theme.paper)


def _said(value: int | float) -> str:
    return str(value)


def _short(content: Content, language: str) -> str:
    kind, title = content["type"], content["title"]
    if language == "en":
        return f"a {kind} chart" + (f" titled {quote(title)}" if title else "")
    return f"一张{TYPES[kind]}图" + (f"，标题为{quote(title)}" if title else "")


def _long(content: Content, theme: Theme, language: str) -> str:
    english = language == "en"
    first = _short(content, language)
    first = (
        f"{first[0].upper()}{first[1:]} on a {theme.called('en')} background"
        if english
        else f"{first}，{theme.called('zh')}背景"
    )
    parts = [first, *(_axis_sentence(axis, language) for axis in content["axes"])]
    for one in content["series"] if content["type"] not in ROUND else ():
        name, color = quote(one["name"]) if one["name"] else "", one["color"] if english else COLORS[one["color"]][0]
        if content["type"] == "scatter":
            values, what = [f"({_said(x)}, {_said(y)})" for x, y in one["values"]], ("Points", "点")
        else:
            values = [
                f"{quote(at)} {_value(value, content, '')}" for at, value in zip(content["categories"], one["values"])
            ]
            what = ("Values", "数值")
        start = (
            f"{what[0]}{' of ' + name if name else ''} ({color}): "
            if english
            else f"{name + '的' if name else ''}{what[1]}（{color}）："
        )
        parts.append(start + listed(values, language))
    if content["type"] in ROUND:
        slices = [
            (
                quote(one["name"]),
                _value(one["values"][0], content, "%"),
                one["color"] if english else COLORS[one["color"]][0],
            )
            for one in content["series"]
        ]
        parts.append(
            "Slices: " + listed((f"{name} {value} ({color})" for name, value, color in slices), "en")
            if english
            else "扇形：" + listed((f"{name} {value}（{color}）" for name, value, color in slices), "zh")
        )
    return paragraph(parts, language)


def _value(value: int | float, content: Content, unit: str) -> str:
    """The value, in quotes where it is written on the picture."""
    return quote(f"{_said(value)}{unit}") if content["labelled"] else f"{_said(value)}{unit}"


def _axis_sentence(axis: Content, language: str) -> str:
    ticks, name = listed(map(quote, axis["ticks"]), language), quote(axis["name"])
    if language == "en":
        return f"The {axis['side']} axis is {f'named {name} and ' if axis['name'] else ''}marked {ticks}"
    return f"{SIDES[axis['side']]}轴{f'名为{name}，' if axis['name'] else ''}刻度为{ticks}"


def _read(caption: str) -> Content | None:
    language = phrases.language(caption)
    types = (
        {f"a {kind} chart": kind for kind in TYPES}
        if language == "en"
        else {f"一张{chinese}图": kind for kind, chinese in TYPES.items()}
    )
    first, *rest = phrases.sentences(caption)
    kind = next((kind for start, kind in types.items() if first.lower().startswith(start)), None)
    if kind is None:
        return None
    content = {
        "type": kind,
        "title": (quoted(first) or [""])[0],
        "labelled": False,
        "axes": [],
        "categories": [],
        "series": [],
    }
    for sentence in rest:
        if axis := re.match(r"The (\w+) axis|([横纵])轴", sentence):
            side = axis[1] or next(side for side, chinese in SIDES.items() if chinese == axis[2])
            named = re.search(r'(?:named |名为)"([^"]*)"', sentence)
            content["axes"].append(
                {"side": side, "name": named[1] if named else "", "ticks": quoted(sentence)[bool(named) :]}
            )
        elif kind in ROUND:
            for name, mark, value, color in re.findall(r'"([^"]*)" ("?)(\d+)%"?\s*[(（]([^)）]+)[)）]', sentence):
                content["series"].append({"name": name, "color": ENGLISH.get(color, color), "values": [int(value)]})
                content["labelled"] = bool(mark)
        else:
            _read_series(sentence, content)
    return content


def _read_series(sentence: str, content: Content) -> None:
    name, color, values = re.match(
        r'(?:(?:Values|Points) of )?(?:"([^"]*)"的?)?.*?[(（]([^)）]+)[)）][:：]\s*(.*)', sentence
    ).groups()
    if content["type"] == "scatter":
        found = [[_numeric(x), _numeric(y)] for x, y in re.findall(r"\(([-\d.]+), ([-\d.]+)\)", values)]
    else:
        pairs = re.findall(r'"([^"]*)" ("?)(-?[\d.]+)', values)
        content["categories"] = [category for category, _, _ in pairs]
        content["labelled"] = bool(pairs[0][1])
        found = [_numeric(value) for _, _, value in pairs]
    content["series"].append({"name": name or "", "color": ENGLISH.get(color, color), "values": found})


def _numeric(text: str) -> int | float:
    return float(text) if "." in text else int(text)
