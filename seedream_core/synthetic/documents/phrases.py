"""Builds and parses caption sentences of documents: text on the picture is in straight quotes."""

import re
from collections.abc import Iterable

COMMA = {"en": ", ", "zh": "、"}
STOP = {"en": ". ", "zh": "。"}
_QUOTED = re.compile(r'"([^"]*)"')


def quote(text: str) -> str:
    return f'"{text}"'


def quoted(text: str) -> list[str]:
    return _QUOTED.findall(text)


def listed(parts: Iterable[str], language: str) -> str:
    return COMMA[language].join(parts)


def paragraph(parts: Iterable[str], language: str) -> str:
    """The sentences as one text; empty ones are left out."""
    sentences = [part for part in parts if part]
    return STOP[language].join(sentences) + STOP[language].rstrip()


def language(caption: str) -> str:
    """The language of a caption, by its text outside quotes."""
    return "zh" if re.search("[\u3400-\u9fff]", _QUOTED.sub("", caption)) else "en"


def sentences(caption: str) -> list[str]:
    """The sentences of a caption, cut at full stops outside quotes; at least one."""
    masked = _QUOTED.sub(lambda one: '"' + "_" * len(one[1]) + '"', caption)
    cuts = [match.end() for match in re.finditer(r"\.(?= |$)|。", masked)] or [len(caption)]
    return [caption[start:end].strip().rstrip(".。") for start, end in zip([0, *cuts], cuts)]


def cut(text: str, mark: str) -> list[str]:
    """The parts of a text between marks outside quotes."""
    masked = _QUOTED.sub(lambda one: '"' + "_" * len(one[1]) + '"', text)
    parts, start = [], 0
    while (end := masked.find(mark, start)) >= 0:
        parts.append(text[start:end].strip())
        start = end + len(mark)
    return [*parts, text[start:].strip()]
