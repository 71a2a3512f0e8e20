"""Normalises raw captions from any source: language, field, encoding, length.

A bare caption is `short`, or `long` where it is; Chinese where it holds a Chinese character, else English.
"""

import codecs
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from seedream_core.errors import DataError
from seedream_core.records import JSON_BYTES

LANGUAGES = ("en", "zh")
LONG = {"en": 200, "zh": 80}
"""Characters from which a caption counts as long: about 35 English words, 80 Chinese characters."""
BARE = ("caption", "text", "prompt")
INSTRUCTION = "instruction"
"""Caption field of a tuple: what to do with its references."""
BEFORE = "before"
"""Caption field of a tuple: what the first of its references shows."""
_HAN = re.compile("[\u3400-\u9fff]")

Captions = dict[str, dict[str, str]]


def text(data: bytes) -> str:
    """A caption's bytes as text; DataError where they are none, or too many."""
    if len(data) > JSON_BYTES:
        raise DataError(f"too large: a caption of {len(data)} bytes, over {JSON_BYTES}")
    return decode(data)


def decode(data: bytes) -> str:
    """UTF-8, UTF-16 with its mark, or GBK (as GB18030) where that gives Chinese; DataError for any other bytes."""
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    told = _attempt(data, "utf-16") if marked else _attempt(data, "utf-8-sig")
    if told is None and not marked and _chinese(chinese := _attempt(data, "gb18030") or ""):
        return chinese
    if told is None:
        raise DataError("the text has UTF-16's mark and is none" if marked else "the text is neither UTF-8 nor GBK")
    return told


def bare(told: str) -> Captions:
    """The captions of one text; none of an empty one."""
    told = told.strip()
    language = "zh" if _HAN.search(told) else "en"
    return {language: {"long" if len(told) >= LONG[language] else "short": told}} if told else {}


def captions(row: Mapping[str, Any]) -> Captions:
    """The captions of a row of a table or a sidecar's json.

    `captions` holds language -> field -> text (or language -> text); `caption`, `text` and `prompt` hold a bare
    caption, `caption_en` and `caption_zh` one of that language. DataError where one of them is no text.
    """
    found: Captions = {}
    given = row.get("captions") or {}
    if not isinstance(given, Mapping):
        raise DataError(f"captions: {str(given)[:40]!r} is no mapping of languages")
    for language, fields in given.items():
        fields = fields if isinstance(fields, Mapping) else {"short": fields}
        found[str(language)] = {
            str(field): _text(f"captions.{language}.{field}", told) for field, told in fields.items()
        }
    told = {
        "": next((row[name] for name in BARE if row.get(name)), None),
        **{name: row.get(f"caption_{name}") for name in LANGUAGES},
    }
    for language, one in told.items():
        for name, fields in bare(_text(f"caption {language}".strip(), one)).items() if one else ():
            found[language or name] = fields | found.get(language or name, {})
    return found


def origin(row: Mapping[str, Any]) -> str:
    """Where a picture comes from, by its row: `source`, else the host of its `url`; empty where it tells neither."""
    if isinstance(source := row.get("source"), str) and source:
        return source
    try:
        return urlsplit(url).hostname or "" if isinstance(url := row.get("url"), str) else ""
    except ValueError:
        return ""


def merge(first: Captions, second: Captions) -> Captions:
    """All captions of both; where both have a field, the first one's."""
    return {language: second.get(language, {}) | first.get(language, {}) for language in second | first}


def _text(name: str, told: Any) -> str:
    if not isinstance(told, str):
        raise DataError(f"no text: {name} is {str(told)[:40]!r}")
    return told


def _chinese(told: str) -> bool:
    """Whether text read as GB18030 is meant so: an accented Latin letter takes the next letter, below GB2312's
    bytes.
    """
    pairs = [letter.encode("gb18030") for letter in told if letter > "\x7f"]
    return len(pairs) > 1 and sum(min(pair) >= 0xA1 for pair in pairs) >= 0.8 * len(pairs)


def _attempt(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None
