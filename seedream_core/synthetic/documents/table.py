"""Draws tables of words, numbers and dates in several rulings; the caption states every cell (Seedream 4.0)."""

import itertools
import re
from dataclasses import dataclass
from typing import Any

from seedream_core.randomness import Rng
from seedream_core.synthetic.documents import Crowded, Figure, Knowledge, Order, phrases
from seedream_core.synthetic.documents.pen import Pen, Theme
from seedream_core.synthetic.documents.phrases import listed, paragraph, quote, quoted
from seedream_core.synthetic.documents.vocabulary import COLUMNS, NUMBERS, TABLES, said, some

RULES = {
    "a full grid": "网格线",
    "lines under the rows": "行间横线",
    "striped rows": "隔行底纹",
    "three rules": "三线",
    "no lines": "无边框线",
}
PAD = 0.6  # padding on each side of a cell, in text sizes


@dataclass(frozen=True, kw_only=True)
class Table(Knowledge):
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
    draw, budget, language = order.draw, order.marks, order.language
    title = said(draw.choice(TABLES), language) if budget > 40 and draw.uniform(0, 1) < 0.7 else ""
    cells = max(4.0, (budget - len(title)) / 5.2)
    # Wide pictures hold more columns; a cell is about four times as wide as it is high.
    columns = int(
        max(2, min(8, cells / 2, (cells * order.size[0] / order.size[1] / 4) ** 0.5 * draw.uniform(0.8, 1.4) + 1))
    )
    rows = max(1, round(cells / columns) - 1)
    words = some(draw, COLUMNS, min(columns, 1 + int(draw.uniform(0, 3))))
    numbers = some(draw, NUMBERS, columns - len(words))
    header = [said(COLUMNS[word][0], language) for word in words] + [said(number, language) for number in numbers]
    lines = []
    for _ in range(rows):
        lines.append(
            [said(draw.choice(COLUMNS[word][1]), language) for word in words]
            + [_number(number[0], draw) for number in numbers]
        )
    return {"title": title, "rules": draw.choice(tuple(RULES)), "header": header, "rows": lines}


def _number(name: str, draw: Rng) -> str:
    if name == "Date":
        return f"{int(draw.uniform(1, 13)):02d}-{int(draw.uniform(1, 29)):02d}"
    if name == "Year":
        return str(int(draw.uniform(1950, 2030)))
    if name == "Share":
        return f"{int(draw.uniform(0, 100))}%"
    return f"{draw.uniform(0, 90):.2f}" if name in ("Price", "Weight") else str(int(draw.uniform(0, 999)))


def _paint(pen: Pen, content: dict[str, Any], draw: Rng) -> None:
    (width, height), lines = pen.size, [content["header"], *content["rows"]]
    edge = round(0.03 * min(pen.size)) + 2
    columns = list(zip(*lines))
    room, tall = width - 2 * edge, height - 2 * edge
    for size in range(round(min(pen.size) * draw.uniform(0.04, 0.07)), pen.face.least - 1, -1):
        widths = [max(pen.width(cell, size) for cell in column) + 2 * PAD * size for column in columns]
        title = 2 * size if content["title"] else 0
        if sum(widths) <= room and 1.5 * size * len(lines) + title <= tall:
            break
    else:
        raise Crowded("cells")
    spare = draw.uniform(0, 1) * (room - sum(widths)) / len(widths)
    widths = [one + spare for one in widths]
    row = min(1.5 * size + draw.uniform(0, 1) * size, (tall - title) / len(lines))
    left = edge + draw.choice((0.0, 0.5)) * (room - sum(widths))
    top = edge + draw.choice((0.0, 0.5)) * (tall - title - row * len(lines))
    if content["title"]:
        pen.write(
            content["title"], left, top + 0.8 * size, pen.fit([content["title"]], sum(widths), round(1.2 * size)), "lm"
        )
    top += title
    edges = [left + sum(widths[:count]) for count in range(len(widths) + 1)]
    _rule(pen, content["rules"], edges, [top + row * count for count in range(len(lines) + 1)])
    for number, line in enumerate(lines):
        for at, cell in enumerate(line):
            box = (edges[at], top + row * number, edges[at + 1], top + row * (number + 1))
            numeric = cell[:1].isdigit() or (number == 0 and lines[1][at][:1].isdigit())
            x, anchor = (box[2] - PAD * size, "rm") if numeric else (box[0] + PAD * size, "lm")
            pen.write(
                cell, x, (box[1] + box[3]) / 2, size, anchor, within=(box[0] - 1, box[1] - 1, box[2] + 1, box[3] + 1)
            )


def _rule(pen: Pen, rules: str, columns: list[float], rows: list[float]) -> None:
    left, right, top, bottom = columns[0], columns[-1], rows[0], rows[-1]
    if rules == "striped rows":
        for start, end in list(itertools.pairwise(rows))[::2]:
            pen.box((left, start, right, end), pen.theme.faint)
    elif rules == "a full grid":
        pen.box((left, top, right, rows[1]), pen.theme.faint)
        for x in columns:
            pen.line([(x, top), (x, bottom)])
    across = {"a full grid": rows, "lines under the rows": rows[1:], "three rules": [top, rows[1], bottom]}.get(
        rules, []
    )
    for y in across:
        pen.line([(left, y), (right, y)], thick=1.6 if rules == "three rules" and y != rows[1] else 1)


def _short(content: dict[str, Any], language: str) -> str:
    title, rows, columns = content["title"], len(content["rows"]), len(content["header"])
    if language == "en":
        return f"a table of {rows} row{'s' * (rows > 1)} and {columns} columns" + (
            f", titled {quote(title)}" if title else ""
        )
    return f"一张{rows}行{columns}列的表格" + (f"，标题为{quote(title)}" if title else "")


def _long(content: dict[str, Any], theme: Theme, language: str) -> str:
    first = _short(content, language)
    header, rows = (
        listed(map(quote, content["header"]), language),
        [listed(map(quote, row), language) for row in content["rows"]],
    )
    if language == "en":
        return paragraph(
            [
                f"A{first[1:]}, with {content['rules']}, on a {theme.called('en')} background",
                f"Header: {header}",
                *(f"Row {number}: {row}" for number, row in enumerate(rows, 1)),
            ],
            "en",
        )
    return paragraph(
        [
            f"{first}，{RULES[content['rules']]}，{theme.called('zh')}背景",
            f"表头：{header}",
            *(f"第{number}行：{row}" for number, row in enumerate(rows, 1)),
        ],
        "zh",
    )


def _read(caption: str) -> dict[str, Any] | None:
    first, *lines = phrases.sentences(caption)
    if not re.match(r"A table of |一张\d+行\d+列的表格", first) or not lines:
        return None
    rules = next((english for english, chinese in RULES.items() if english in first or chinese in first), None)
    header, *rows = map(quoted, lines)
    return {"title": (quoted(first) or [""])[0], "rules": rules, "header": header, "rows": rows}
