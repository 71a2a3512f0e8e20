"""Chinese texts for the judge's reasons why a picture is wrong."""

from __future__ import annotations

import re

from seedream_core.synthetic.scenes.captions import CHINESE, RELATIONS

WORDS = CHINESE | RELATIONS["zh"] | {"unclear": "不明确"}
FAULTS = (
    (r"no plain background", "背景不是纯色"),
    (r"the background is not quite (\w+)", "背景不完全是{0}"),
    (r"an object of no known colour", "有颜色无法辨认的物体"),
    (r"a (\w+) object of no known shape.*", "有形状无法辨认的{0}物体"),
    (r"a (\w+) object between (\w+) and (\w+)", "有{0}物体介于{1}与{2}之间"),
    (r"a (\w+ \w+) too small to count", "{0}太小，不算数"),
    (r"a (\w+ \w+) with a hole or a speck", "{0}上有空洞或杂色斑点"),
    (r"something that no object explains", "有无法解释的痕迹"),
    (r"background (\w+), not (\w+)", "背景是{0}，应为{1}"),
    (r"(\d+) objects, not (\d+)", "有 {0} 个物体，应为 {1} 个"),
    (r"relation (\w+), not (\w+)", "方位是{0}，应为{1}"),
    (r"(.+), not (.+)", "画成{0}，应为{1}"),
)


def chinese(fault: str) -> str:
    """The fault in Chinese; unchanged where the reader of scenes has no such fault."""
    for pattern, form in FAULTS:
        if found := re.fullmatch(pattern, fault):
            return form.format(*(_words(part) for part in found.groups()))
    return fault


def _words(text: str) -> str:
    things = text.split(", ")
    return "、".join("".join(WORDS.get(word, word) for word in thing.split()) for thing in things)
