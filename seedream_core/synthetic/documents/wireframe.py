"""Draws wireframes of user interfaces (phone screens and web pages of bars, forms, lists, cards, switches; Seedream
4.0).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from seedream_core.randomness import Rng
from seedream_core.synthetic.documents import Crowded, Figure, Knowledge, Order, phrases
from seedream_core.synthetic.documents.pen import COLORS, Box, Pen, Theme
from seedream_core.synthetic.documents.phrases import cut, listed, paragraph, quote
from seedream_core.synthetic.documents.vocabulary import APPS, BUTTONS, CARDS, FIELDS, LINKS, SWITCHES, said, some

SCREENS = {"phone screen": "手机界面", "web page": "网页"}
REGIONS = {
    "top bar": "顶栏",
    "sidebar": "侧栏",
    "tab bar": "底部标签栏",
    "form": "表单",
    "switches": "开关组",
    "checks": "勾选组",
    "list": "列表",
    "cards": "卡片组",
    "article": "文章",
    "buttons": "按钮组",
    "banner": "横幅",
}
ELEMENTS = {
    "title": "标题",
    "link": "链接",
    "button": "按钮",
    "field": "输入框",
    "switch": "开关",
    "checkbox": "复选框",
    "row": "行",
    "card": "卡片",
    "tab": "标签",
    "heading": "小标题",
    "text line": "文本行",
    "image": "图片",
}
STATES = {"on": "开", "off": "关", "checked": "已选", "empty": "未选"}
Item = list[str]
"""Element, text and state; text and state may be empty."""
Section = dict[str, Any]
UNITS = {"card": 2.6, "image": 3.0, "text line": 0.6}
"""Heights in rows of elements that are not 1 row high."""


@dataclass(frozen=True, kw_only=True)
class Wireframe(Knowledge):
    def figure(self, order: Order) -> Figure:
        draw, theme = order.draw, Theme.drawn(order.draw)
        content = _content(order)
        pen = Pen(order.size, theme, order.face)
        _paint(pen, content, draw)
        captions = {
            language: {"short": _short(content, language), "long": _long(content, theme, language)}
            for language in ("en", "zh")
        }
        return Figure(pen.finish(), captions, content, tuple(pen.texts), pen.marks)

    @staticmethod
    def read(caption: str) -> dict[str, Any] | None:
        return _read(caption)


def _content(order: Order) -> dict[str, Any]:
    draw, language, (width, height) = order.draw, order.language, order.size
    screen = "phone screen" if height > width * draw.uniform(0.9, 1.5) else "web page"

    def texts(pool, most: int) -> list[str]:
        return [said(one, language) for one in some(draw, pool, most)]

    links = texts(LINKS, 1 + int(draw.uniform(0, 3 if screen == "phone screen" else 5))) if order.marks > 40 else []
    bar = [["title", said(draw.choice(APPS), language), ""], *(["link", one, ""] for one in links)]
    top = {"region": "top bar", "column": 0, "items": bar}
    sections, budget = [top], order.marks - _cost(top)
    aside = {"web page": "sidebar", "phone screen": "tab bar"}[screen]
    if order.marks > 70 and draw.uniform(0, 1) < 0.6:
        names = texts(LINKS, 3 + int(draw.uniform(0, 2 if aside == "tab bar" else 7)))
        sections.append(
            {
                "region": aside,
                "column": 0,
                "items": [["tab" if aside == "tab bar" else "link", one, ""] for one in names],
            }
        )
        budget -= _cost(sections[-1])
    columns = int(max(1, min(4, width / 150, budget / 90 * draw.uniform(0.7, 1.3))))
    while budget > 6 and len(sections) < 60:
        region = draw.choice(("form", "switches", "checks", "list", "cards", "article", "buttons", "banner"))
        items = _items(region, draw, texts, max(1, min(10, int(budget / 8))))
        # The next section goes to the shortest column.
        loads = [_rows([one for one in sections if one["column"] == column]) for column in range(1, columns + 1)]
        section = {"region": region, "column": 1 + loads.index(min(loads)), "items": items}
        sections.append(section)
        budget -= _cost(section)
    return {"screen": screen, "sections": sorted(sections, key=lambda one: one["column"])}


def _items(region: str, draw: Rng, texts: Callable, most: int) -> list[Item]:
    count = 1 + int(draw.uniform(0, most))
    if region == "form":
        return [
            *(["field", one, ""] for one in texts(FIELDS, count)),
            *(["button", one, ""] for one in texts(BUTTONS, 1)),
        ]
    if region in ("switches", "checks"):
        element, states = ("switch", ("on", "off")) if region == "switches" else ("checkbox", ("checked", "empty"))
        return [[element, one, draw.choice(states)] for one in texts(SWITCHES, count)]
    if region == "article":
        return [["heading", *texts(CARDS, 1), ""], *(["text line", "", ""] for _ in range(count + 1))]
    if region == "buttons":
        return [["button", one, ""] for one in texts(BUTTONS, min(3, count))]
    if region == "banner":
        return [["image", "", ""]]
    return [["row" if region == "list" else "card", one, ""] for one in texts(CARDS, count)]


def _cost(section: Section) -> float:
    return 1 + sum(len(text) + 2 for _, text, _ in section["items"])


def _rows(sections: list[Section]) -> float:
    """The height of a column in rows."""
    return sum(0.7 + _tall(section) for section in sections)


def _tall(section: Section) -> float:
    items = section["items"]
    if section["region"] == "buttons":
        return 1.0
    if section["region"] == "cards":
        return -(-len(items) // _across(items)) * UNITS["card"]
    return sum(UNITS.get(element, 1.0) for element, _, _ in items)


def _across(items: list[Item]) -> int:
    return min(3, len(items)) if len(items) != 4 else 2


def _paint(pen: Pen, content: dict[str, Any], draw: Rng) -> None:
    width, height = pen.size
    named = {section["region"]: section for section in content["sections"] if section["column"] == 0}
    body = [section for section in content["sections"] if section["column"]]
    columns = [
        [section for section in body if section["column"] == column]
        for column in sorted({one["column"] for one in body})
    ]
    deepest = max(map(_rows, columns), default=1) + 1.6 + (1.6 if "tab bar" in named else 0)
    row = min(height / deepest, min(pen.size) * draw.uniform(0.09, 0.13))
    if row < 1.75 * pen.face.least:
        raise Crowded("rows")
    size = max(pen.face.least, int(min(row * 0.5, row * draw.uniform(0.45, 0.55))))
    accent = COLORS[draw.choice(("blue", "green", "purple", "gray"))][1]
    brush = _Brush(pen, size, accent, round(draw.uniform(0, 0.3) * row))
    brush.bar(named["top bar"], (0, 0, width, 1.5 * row))
    left, bottom = 0.0, float(height)
    if "tab bar" in named:
        bottom -= 1.5 * row
        brush.tabs(named["tab bar"], (0, bottom, width, height))
    if "sidebar" in named:
        left = max(pen.width(text, size) for _, text, _ in named["sidebar"]["items"]) + 2 * size
        if left > width / 2 or 1.5 * row + row * (len(named["sidebar"]["items"]) + 1) > height:
            raise Crowded("sidebar")
        brush.side(named["sidebar"], (0, 1.5 * row, left, height), row)
    wide = (width - left) / max(1, len(columns))
    for number, column in enumerate(columns):
        y = 1.9 * row
        for section in column:
            box = (
                left + wide * number + 0.6 * size,
                y,
                left + wide * (number + 1) - 0.6 * size,
                y + row * _tall(section),
            )
            if box[3] > bottom:
                raise Crowded("column")
            brush.section(section, box, row)
            y = box[3] + 0.7 * row


@dataclass(frozen=True)
class _Brush:
    """Draws the elements of one picture in one style."""

    pen: Pen
    size: int
    accent: tuple[int, int, int]
    radius: int

    def bar(self, section: Section, box: Box) -> None:
        pen, size, y = self.pen, self.size, (box[1] + box[3]) / 2
        pen.box(box, pen.theme.faint)
        (_, title, _), *links = section["items"]
        pen.write(title, box[0] + size, y, size + 2, "lm", within=box)
        x = box[2] - size
        for _, text, _ in reversed(links):
            x = pen.write(text, x, y, size, "rm", within=box)[0] - size

    def tabs(self, section: Section, box: Box) -> None:
        pen, size, items = self.pen, self.size, section["items"]
        pen.line([(box[0], box[1]), (box[2], box[1])])
        wide, high = (box[2] - box[0]) / len(items), box[3] - box[1]
        for number, (_, text, _) in enumerate(items):
            x, spot = box[0] + wide * (number + 0.5), 0.16 * high
            middle = box[1] + 0.28 * high
            pen.oval((x - spot, middle - spot, x + spot, middle + spot), None if number else self.accent, pen.theme.ink)
            pen.write(text, x, box[3] - 0.28 * high, pen.fit([text], wide - 4, size), "mm", within=box)

    def side(self, section: Section, box: Box, row: float) -> None:
        self.pen.line([(box[2], box[1]), (box[2], box[3])])
        for number, (_, text, _) in enumerate(section["items"]):
            self.pen.write(text, box[0] + 0.8 * self.size, box[1] + row * (number + 1), self.size, "lm", within=box)

    def section(self, section: Section, box: Box, row: float) -> None:
        items, (left, top, right, _) = section["items"], box
        if section["region"] in ("cards", "buttons"):
            across = len(items) if section["region"] == "buttons" else _across(items)
            wide, high = (right - left) / across, row * UNITS.get(items[0][0], 1.0)
            for number, item in enumerate(items):
                x, y = left + wide * (number % across), top + high * (number // across)
                self.element(item, (x + 2, y, x + wide - 2, y + high - 2))
            return
        for item in items:
            high = row * UNITS.get(item[0], 1.0)
            self.element(item, (left, top, right, top + high - 2))
            top += high

    def element(self, item: Item, box: Box) -> None:
        pen, size, (element, text, state), (left, top, right, bottom) = self.pen, self.size, item, box
        middle, ink = (top + bottom) / 2, pen.theme.ink
        if element == "button":
            pen.box(box, None, self.accent, 1.5, self.radius)
            pen.write(text, (left + right) / 2, middle, pen.fit([text], right - left - 4, size), "mm", within=box)
        elif element == "field":
            split = left + 0.42 * (right - left)
            pen.write(text, left, middle, pen.fit([text], split - left - 4, size), "lm", within=box)
            pen.box((split, top + 1, right, bottom - 1), None, ink, 1, self.radius)
        elif element == "switch":
            high = min(0.8 * size, bottom - top - 2)
            pen.write(text, left, middle, pen.fit([text], right - left - 2.6 * high, size), "lm", within=box)
            fill = self.accent if state == "on" else pen.theme.faint
            pen.box((right - 2 * high, middle - high / 2, right, middle + high / 2), fill, radius=high / 2)
            knob = right - high / 2 if state == "on" else right - 1.5 * high
            pen.oval((knob - 0.4 * high, middle - 0.4 * high, knob + 0.4 * high, middle + 0.4 * high), pen.theme.paper)
        elif element == "checkbox":
            half = 0.4 * size
            pen.box((left, middle - half, left + 2 * half, middle + half), None, ink)
            if state == "checked":
                tick = ((0.4, 0.0), (0.9, 0.5), (1.7, -0.6))
                pen.line([(left + across * half, middle + down * half) for across, down in tick], self.accent, 1.5)
            pen.write(
                text, left + 1.4 * size, middle, pen.fit([text], right - left - 1.4 * size, size), "lm", within=box
            )
        elif element == "row":
            half = min(0.45 * size, (bottom - top) / 2 - 1)
            pen.oval((left, middle - half, left + 2 * half, middle + half), pen.theme.faint, ink)
            pen.write(
                text, left + 1.5 * size, middle, pen.fit([text], right - left - 1.5 * size, size), "lm", within=box
            )
        elif element == "heading":
            pen.write(
                text,
                left,
                middle,
                pen.fit([text], right - left, size + 1),
                "lm",
                within=(left, top - 2, right, bottom + 2),
            )
        elif element == "text line":
            pen.box((left, middle - 0.15 * size, right, middle + 0.15 * size), pen.theme.faint)
        else:
            self.image((left, top, right, bottom - (1.4 * size if text else 0)))
            if text:
                pen.write(text, (left + right) / 2, bottom - 0.6 * size, pen.fit([text], right - left, size), "mm")

    def image(self, box: Box) -> None:
        left, top, right, bottom = box
        if bottom - top < 6 or right - left < 10:
            raise Crowded("image")
        self.pen.box(box, None, self.pen.theme.ink)
        self.pen.line([(left, top), (right, bottom)], self.pen.theme.faint)
        self.pen.line([(left, bottom), (right, top)], self.pen.theme.faint)


def _short(content: dict[str, Any], language: str) -> str:
    screen, title = content["screen"], content["sections"][0]["items"][0][1]
    if language == "en":
        return f"a wireframe of a {screen} titled {quote(title)}"
    return f"一张{SCREENS[screen]}线框图，标题为{quote(title)}"


def _long(content: dict[str, Any], theme: Theme, language: str) -> str:
    first, parts = _short(content, language), []
    for section in content["sections"]:
        column, region, items = (
            section["column"],
            section["region"],
            listed((_phrase(item, language) for item in section["items"]), language),
        )
        if language == "en":
            parts.append(
                f"Column {column}, {region}: {items}" if column else f"{region[0].upper()}{region[1:]}: {items}"
            )
        else:
            parts.append(f"第{column}栏，{REGIONS[region]}：{items}" if column else f"{REGIONS[region]}：{items}")
    if language == "en":
        return paragraph([f"A{first[1:]}, on a {theme.called('en')} background", *parts], "en")
    return paragraph([f"{first}，{theme.called('zh')}背景", *parts], "zh")


def _phrase(item: Item, language: str) -> str:
    element, text, state = item
    if language == "en":
        return " ".join(filter(None, (element, quote(text) if text else "", state)))
    return ELEMENTS[element] + (quote(text) if text else "") + STATES.get(state, "")


def _read(caption: str) -> dict[str, Any] | None:
    english = phrases.language(caption) == "en"
    first, *rest = phrases.sentences(caption)
    screen = next(
        (one for one, chinese in SCREENS.items() if re.match(f"A wireframe of a {one} |一张{chinese}线框图", first)),
        None,
    )
    if screen is None:
        return None
    back = {} if english else {chinese: one for words in (REGIONS, ELEMENTS, STATES) for one, chinese in words.items()}
    sections = []
    for sentence in rest:
        column, region, items = re.match(
            r"(?:Column (?=\d)|第)?(\d*)(?:, |栏，)?([^:：]+)[:：]\s*(.*)", sentence
        ).groups()
        comma = phrases.COMMA["en" if english else "zh"]
        found = [re.match(r'([^"]*?) ?(?:"([^"]*)" ?(.*))?$', item).groups("") for item in cut(items, comma)]
        sections.append(
            {
                "region": back.get(region, region.lower()),
                "column": int(column or 0),
                "items": [[back.get(element, element), text, back.get(state, state)] for element, text, state in found],
            }
        )
    return {"screen": screen, "sections": sections}
