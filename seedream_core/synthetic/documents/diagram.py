"""Draws diagrams (flow charts, trees, networks); the caption states every node, arrow and word (Seedream 4.0)."""

import math
import re
from dataclasses import dataclass
from typing import Any

from seedream_core.randomness import Rng
from seedream_core.synthetic.documents import Crowded, Figure, Knowledge, Order, phrases
from seedream_core.synthetic.documents.pen import Box, Pen, Theme
from seedream_core.synthetic.documents.phrases import cut, listed, paragraph, quote, quoted
from seedream_core.synthetic.documents.vocabulary import (
    ANSWERS,
    BRANCHES,
    CARDS,
    CATEGORIES,
    DIAGRAMS,
    ENDS,
    LINKS,
    QUESTIONS,
    STEPS,
    said,
    some,
)

TYPES = {"flow chart": "流程图", "tree diagram": "树状图", "network diagram": "网络图"}
SHAPES = {"box": "方框", "rounded box": "圆角框", "oval": "椭圆", "diamond": "菱形", "dot": "圆点"}
WORDS = (*BRANCHES, *CARDS, *LINKS, *CATEGORIES[("city", "城市")], *CATEGORIES[("fruit", "水果")])
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
Content = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Diagram(Knowledge):
    def figure(self, order: Order) -> Figure:
        draw, theme = order.draw, Theme.drawn(order.draw)
        kind = draw.weighted({"flow chart": 1.0, "tree diagram": 1.0, "network diagram": 1.0})
        title = said(draw.choice(DIAGRAMS), order.language) if order.marks > 60 and draw.uniform(0, 1) < 0.6 else ""
        plan, paint = {
            "flow chart": (_flow, _paint_flow),
            "tree diagram": (_tree, _paint_tree),
            "network diagram": (_network, _paint_network),
        }[kind]
        content = {"type": kind, "title": title, **plan(order, order.marks - len(title))}
        pen = Pen(order.size, theme, order.face)
        edge = 0.03 * min(order.size) + 2
        box = (edge, edge, order.size[0] - edge, order.size[1] - edge)
        if title:
            size = max(order.face.least, round(0.045 * min(order.size)))
            pen.write(
                title, draw.choice((edge, order.size[0] / 2 - pen.width(title, size) / 2)), edge + 0.6 * size, size
            )
            box = (edge, edge + 1.7 * size, *box[2:])
        paint(pen, content, box, draw)
        shapes = dict.fromkeys(shape for _, shape in content["nodes"])
        content["nodes"] = {shape: [name for name, own in content["nodes"] if own == shape] for shape in shapes}
        captions = {
            language: {"short": _short(content, language), "long": _long(content, theme, language)}
            for language in ("en", "zh")
        }
        return Figure(pen.finish(), captions, content, tuple(pen.texts), pen.marks)

    @staticmethod
    def read(caption: str) -> Content | None:
        return _read(caption)


def _names(draw: Rng, pool, count: int, language: str) -> list[str]:
    """Different names; a number is added when all words are used."""
    words = list(dict.fromkeys(said(one, language) for one in some(draw, pool, count)))
    return (words + [f"{word} {turn}" for turn in range(2, 99) for word in words])[:count]


def _flow(order: Order, budget: float) -> Content:
    """A chain from start to end; the `no` of a question leads to a step beside the chain."""
    draw, language = order.draw, order.language
    count = max(1, round((budget - 12) / 10.5))
    start, end = (said(one, language) for one in ENDS)
    steps, asides = _names(draw, STEPS, 2 * count, language), count
    asked = _names(draw, QUESTIONS, max(1, count // 3), language)
    nodes, edges, chain = [(start, "oval")], [], start
    shape, mark = draw.choice(("box", "rounded box")), ""
    spent = 0
    while spent < count:
        question = bool(asked) and count > 2 and draw.uniform(0, 1) < 0.35
        name = asked.pop() if question else steps.pop(0)
        nodes.append((name, "diamond" if question else shape))
        edges.append([chain, name, mark])
        chain, mark, spent = name, "", spent + 1
        if question:
            mark = said(ANSWERS[0], language)
            aside = steps.pop()
            nodes.append((aside, shape))
            edges.append([name, aside, said(ANSWERS[1], language)])
            spent, asides = spent + 1, asides - 1
    nodes.append((end, "oval"))
    return {"nodes": nodes, "edges": [*edges, [chain, end, mark]]}


def _tree(order: Order, budget: float) -> Content:
    draw, count = order.draw, max(3, round(budget / 7.2))
    names, shape = _names(order.draw, WORDS, count, order.language), order.draw.choice(("box", "rounded box", "oval"))
    depth, children, edges = {names[0]: 0}, {names[0]: 0}, []
    for name in names[1:]:
        parents = [one for one in depth if depth[one] < 3 and children[one] < 5]
        parent = draw.choice(parents) if parents and len(depth) > 2 else names[0]
        depth[name], children[name] = depth[parent] + 1, 0
        children[parent] += 1
        edges.append([parent, name, ""])
    return {"nodes": [(name, shape) for name in names], "edges": edges}


def _network(order: Order, budget: float) -> Content:
    draw = order.draw
    short = draw.uniform(0, 1) < 0.5
    each = 2 if short else 6.5
    count = int(max(3, min(len(LETTERS), budget / (each + draw.uniform(1.2, 2.6)))))
    names = list(LETTERS[:count]) if short else _names(draw, WORDS, count, order.language)
    wanted = max(count - 1, min(count * (count - 1) // 2, round(budget - each * count)))
    pairs = some(draw, [[first, second, ""] for at, second in enumerate(names) for first in names[:at]], wanted)
    shape = draw.choice(("oval", "dot")) if short else "dot"
    return {"nodes": [(name, shape) for name in names], "edges": pairs}


def _node(pen: Pen, name: str, shape: str, x: float, y: float, half: tuple[float, float], size: int) -> Box:
    across, down = half
    box = (x - across, y - down, x + across, y + down)
    fill = tuple(round(0.5 * p + 0.5 * f) for p, f in zip(pen.theme.paper, pen.theme.faint))
    if shape == "oval":
        pen.oval(box, fill, pen.theme.ink)
    elif shape == "diamond":
        pen.polygon([(x, y - down), (x + across, y), (x, y + down), (x - across, y)], fill, pen.theme.ink)
    else:
        pen.box(box, fill, pen.theme.ink, radius=0.5 * size if shape == "rounded box" else 0)
    pen.write(name, x, y, size, "mm", within=box)
    return box


def _half(pen: Pen, name: str, shape: str, size: int) -> tuple[float, float]:
    """Half the width and height of a node around its name."""
    across = pen.width(name, size) / 2
    wide, high = {"diamond": (1.65, 1.5), "oval": (1.3, 0.95)}.get(shape, (1.0, 0.8))
    return wide * across + 0.5 * size, high * size


def _paint_flow(pen: Pen, content: Content, box: Box, draw: Rng) -> None:
    """Columns from top to bottom; arrows between columns run in the space between them."""
    left, top, right, bottom = box
    shapes = dict(content["nodes"])
    aside = {
        first: second
        for first, second, mark in content["edges"]
        if shapes[first] == "diamond" and second != _next(content, first)
    }
    chain = [name for name in shapes if name not in aside.values()]
    marks = {first: mark for first, second, mark in content["edges"] if aside.get(first) != second}
    no = next((mark for first, second, mark in content["edges"] if aside.get(first) == second), "")
    for size in range(round(min(pen.size) * draw.uniform(0.035, 0.055)), pen.face.least - 1, -1):
        half = {name: _half(pen, name, shape, size) for name, shape in shapes.items()}
        step = 2 * max(down for _, down in half.values()) + 1.9 * size
        deep = max(2, int((bottom - top) / step))
        columns = [chain[start : start + deep] for start in range(0, len(chain), deep)]
        widths = [_column(column, half, aside, pen.width(no, size) + 1.6 * size) for column in columns]
        lane = 1.4 * size
        if (
            sum(one + other for one, other in widths) + lane * (len(columns) - 1) <= right - left
            and deep * step <= bottom - top + 1
        ):
            break
    else:
        raise Crowded("flow")
    tall = (bottom - top) / len(columns[0])
    spare = (right - left - sum(one + other for one, other in widths) - lane * (len(columns) - 1)) / len(columns)
    x, before = left, None
    for column, (wide, beside) in zip(columns, widths):
        middle, edge = x + (spare if beside == 0 else 0) / 2 + wide / 2, x + wide + spare + beside
        for number, name in enumerate(column):
            y = top + tall * (number + 0.5)
            node = _node(pen, name, shapes[name], middle, y, half[name], size)
            if before:
                _join(pen, before[1], node, number == 0, x - lane / 2, marks.get(before[0], ""), size)
            if name in aside:
                across = half[aside[name]][0]
                spot = _node(pen, aside[name], shapes[aside[name]], edge - across, y, half[aside[name]], size)
                pen.arrow((node[2], y), (spot[0], y), head=0.5 * size)
                pen.write(no, (node[2] + spot[0]) / 2, y - 0.2 * size, size, "mb", within=(node[2], top, spot[0], y))
            before = (name, node)
        x = edge + lane


def _column(column: list[str], half: dict, aside: dict[str, str], room: float) -> tuple[float, float]:
    """The width of a column, and of the nodes beside it."""
    wide = 2 * max(half[name][0] for name in column)
    return wide, max(
        (2 * half[aside[name]][0] + room + half[name][0] - wide / 2 for name in column if name in aside), default=0
    )


def _next(content: Content, name: str) -> str:
    """The next node of the chain; the `no` edge of a question is listed before it."""
    return [second for first, second, _ in content["edges"] if first == name][-1]


def _join(pen: Pen, before: Box, node: Box, turns: bool, lane: float, mark: str, size: int) -> None:
    """The arrow from one node of the chain to the next, which is below it or at the top of the next column."""
    left, _, right, bottom = before
    start, end = ((left + right) / 2, bottom), ((node[0] + node[2]) / 2, node[1])
    if turns:
        low, high = bottom + 0.7 * size, node[1] - 0.8 * size
        pen.line([start, (start[0], low), (lane, low), (lane, high), (end[0], high)])
        start = (end[0], high)
    pen.arrow(start, end, head=0.5 * size)
    if mark:
        # An arrow to the next column turns right.
        x, y, anchor = (
            (left + right) / 2 + (-0.4 if turns else 0.4) * size,
            bottom + 0.2 * size,
            "rt" if turns else "lt",
        )
        pen.write(mark, x, y, size, anchor, within=(0, bottom, pen.size[0], bottom + 1.5 * size))


def _paint_tree(pen: Pen, content: Content, box: Box, draw: Rng) -> None:
    """Leaves in equal slots, parents centred above their children, levels at equal distances."""
    left, top, right, bottom = box
    names, shape = [name for name, _ in content["nodes"]], content["nodes"][0][1]
    parent = {second: first for first, second, _ in content["edges"]}
    children = {name: [one for one in names if parent.get(one) == name] for name in names}
    slots, levels = _slots(names[0], children), {name: _depth(name, parent) for name in names}
    leaves, deep = max(slots.values()) + 1, max(levels.values()) + 1
    down = draw.uniform(0, 1) < 0.5
    for size in range(round(min(pen.size) * draw.uniform(0.035, 0.055)), pen.face.least - 1, -1):
        half = {name: _half(pen, name, shape, size) for name in names}
        wide, high = (2 * max(one[at] for one in half.values()) for at in (0, 1))
        if (
            down
            and leaves * (wide + 0.5 * size) <= right - left
            and deep * (high + 1.2 * size) <= bottom - top + 1.2 * size
        ):
            break
        if (
            not down
            and leaves * (high + 0.3 * size) <= bottom - top
            and deep * (wide + 1.5 * size) <= right - left + 1.5 * size
        ):
            break
    else:
        raise Crowded("tree")
    places = {}
    for name in names:
        slot, level = (slots[name] + 0.5) / leaves, levels[name] / max(1, deep - 1)
        places[name] = (
            (left + slot * (right - left), top + high / 2 + level * (bottom - top - high))
            if down
            else (left + wide / 2 + level * (right - left - wide), top + slot * (bottom - top))
        )
    bent = draw.uniform(0, 1) < 0.5
    for first, second, _ in content["edges"]:
        (x, y), (u, v) = places[first], places[second]
        start, end = (
            ((x, y + half[first][1]), (u, v - half[second][1]))
            if down
            else ((x + half[first][0], y), (u - half[second][0], v))
        )
        if bent:
            turn = (start[1] + end[1]) / 2 if down else (start[0] + end[0]) / 2
            pen.line(
                [start, *([(start[0], turn), (end[0], turn)] if down else [(turn, start[1]), (turn, end[1])]), end]
            )
            pen.marks -= 2  # one arrow, however it is bent
        else:
            pen.line([start, end])
    for name in names:
        _node(pen, name, shape, *places[name], half[name], size)


def _slots(name: str, children: dict[str, list[str]], first: int = 0) -> dict[str, float]:
    """The position of each node within its level; leaves are at whole numbers."""
    found, at = {}, first
    for child in children[name]:
        found |= _slots(child, children, at)
        at = math.ceil(max(found.values())) + 1
    own = [found[child] for child in children[name]]
    return {name: (own[0] + own[-1]) / 2 if own else float(first), **found}


def _depth(name: str, parent: dict[str, str]) -> int:
    return 1 + _depth(parent[name], parent) if name in parent else 0


def _paint_network(pen: Pen, content: Content, box: Box, draw: Rng) -> None:
    """Nodes on an ellipse, each inside or beside its name, straight lines between them."""
    left, top, right, bottom = box
    names, shape = [name for name, _ in content["nodes"]], content["nodes"][0][1]
    size = max(pen.face.least, round(min(pen.size) * draw.uniform(0.03, 0.045)))
    room = max(pen.width(name, size) for name in names) + 0.8 * size if shape == "dot" else size
    across, down = (right - left) / 2 - room, (bottom - top) / 2 - (1.6 * size if shape == "dot" else size)
    if min(across, down) < 0.2 * min(pen.size):
        raise Crowded("network")
    middle, turn = ((left + right) / 2, (top + bottom) / 2), draw.uniform(0, 1)
    angles = [2 * math.pi * (number + turn) / len(names) for number in range(len(names))]
    places = {
        name: (middle[0] + across * math.cos(angle), middle[1] + down * math.sin(angle))
        for name, angle in zip(names, angles)
    }
    # A line between a node's neighbours must pass it.
    clear = min(across, down) * (1 - math.cos(2 * math.pi / len(names)))
    radius = 0.35 * size if shape == "dot" else 0.9 * size
    if clear < radius + 1 and len(names) > 3:
        raise Crowded("nodes")
    for first, second, _ in content["edges"]:
        pen.line([places[first], places[second]])
    for name, angle in zip(names, angles):
        x, y = places[name]
        if shape == "oval":
            _node(pen, name, shape, x, y, (radius, radius), size)
            continue
        pen.oval((x - radius, y - radius, x + radius, y + radius), pen.theme.ink)
        anchor = "lm" if math.cos(angle) > 0.3 else "rm" if math.cos(angle) < -0.3 else "mm"
        pen.write(
            name, x + (radius + 0.4 * size) * math.cos(angle), y + (radius + 0.8 * size) * math.sin(angle), size, anchor
        )


def _short(content: Content, language: str) -> str:
    title, count = content["title"], sum(map(len, content["nodes"].values()))
    if language == "en":
        return f"a {content['type']} with {count} nodes" + (f", titled {quote(title)}" if title else "")
    return f"一张有{count}个节点的{TYPES[content['type']]}" + (f"，标题为{quote(title)}" if title else "")


def _long(content: Content, theme: Theme, language: str) -> str:
    english, first = language == "en", _short(content, language)
    nodes = [
        f"{shape if english else SHAPES[shape]} {listed(map(quote, names), language)}"
        for shape, names in content["nodes"].items()
    ]
    link, mark, arrow = (" to ", " marked ", "Arrows: ") if english else ("到", "标注", "箭头：")
    if content["type"] == "network diagram":
        link, arrow = (" with ", "Lines: ") if english else ("与", "连线：")
    joined = [
        f"{quote(one)}{link}{quote(other)}{mark + quote(said) if said else ''}" for one, other, said in content["edges"]
    ]
    edges = arrow + ("; " if english else "；").join(joined)
    if english:
        return paragraph(
            [f"A{first[1:]}, on a {theme.called('en')} background", f"Nodes: {'; '.join(nodes)}", edges], "en"
        )
    return paragraph([f"{first}，{theme.called('zh')}背景", f"节点：{'；'.join(nodes)}", edges], "zh")


def _read(caption: str) -> Content | None:
    english = phrases.language(caption) == "en"
    first, *rest = phrases.sentences(caption)
    kind = next(
        (name for name, chinese in TYPES.items() if re.match(rf"A {name} with |一张有\d+个节点的{chinese}", first)),
        None,
    )
    if kind is None or len(rest) != 2:
        return None
    shapes = SHAPES if english else {chinese: english for english, chinese in SHAPES.items()}
    nodes = {}
    for group in cut(rest[0].partition(":" if english else "：")[2], ";" if english else "；"):
        shape = group.partition('"')[0].strip()
        nodes[shape if english else shapes[shape]] = quoted(group)
    edges = [([*quoted(part), ""])[:3] for part in cut(rest[1], ";" if english else "；")]
    return {"type": kind, "title": (quoted(first) or [""])[0], "nodes": nodes, "edges": edges}
