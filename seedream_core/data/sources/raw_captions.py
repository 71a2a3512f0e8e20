"""Normalises raw captions from any source: language, field, encoding, length.

A bare caption (without language and field) goes to `short`, or to `long` if it is long; it is Chinese if it holds a
Chinese character, otherwise English.
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
"""Number of characters from which a caption is long: about 35 English words, 80 Chinese characters."""
BARE = ("caption", "text", "prompt")
INSTRUCTION = "instruction"
"""Caption field of a tuple: the instruction, which says how to change its references."""
BEFORE = "before"
"""Caption field of a tuple: describes its first reference."""
_HAN = re.compile("[\u3400-\u9fff]")

Captions = dict[str, dict[str, str]]


def text(data: bytes) -> str:
    """Decodes a caption; DataError if its bytes are not text or are too many."""
    if len(data) > JSON_BYTES:
        raise DataError(f"too large: a caption of {len(data)} bytes, over {JSON_BYTES}")
    return decode(data)


def decode(data: bytes) -> str:
    """Decodes UTF-8, UTF-16 with a byte order mark, or GBK (as GB18030) if the result is Chinese; DataError for any
    other bytes.
    """
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    decoded = _attempt(data, "utf-16") if marked else _attempt(data, "utf-8-sig")
    if decoded is None and not marked and _chinese(chinese := _attempt(data, "gb18030") or ""):
        return chinese
    if decoded is None:
        raise DataError(
            "the text begins with the UTF-16 byte order mark but is not UTF-16"
            if marked
            else "the text is neither UTF-8 nor GBK"
        )
    return decoded


def bare(value: str) -> Captions:
    """Captions of one text; an empty mapping for empty text."""
    value = value.strip()
    language = "zh" if _HAN.search(value) else "en"
    return {language: {"long" if len(value) >= LONG[language] else "short": value}} if value else {}


def captions(row: Mapping[str, Any]) -> Captions:
    """Captions of a table row or a sidecar json.

    `captions` holds language -> field -> text (or language -> text); `caption`, `text` and `prompt` hold a bare
    caption, `caption_en` and `caption_zh` one of that language. DataError if one of them is not text.
    """
    found: Captions = {}
    given = row.get("captions") or {}
    if not isinstance(given, Mapping):
        raise DataError(f"captions: {str(given)[:40]!r} is no mapping of languages")
    for language, fields in given.items():
        fields = fields if isinstance(fields, Mapping) else {"short": fields}
        found[str(language)] = {
            str(field): _text(f"captions.{language}.{field}", value) for field, value in fields.items()
        }
    bare_captions = {
        "": next((row[name] for name in BARE if row.get(name)), None),
        **{name: row.get(f"caption_{name}") for name in LANGUAGES},
    }
    for language, one in bare_captions.items():
        for name, fields in bare(_text(f"caption {language}".strip(), one)).items() if one else ():
            found[language or name] = fields | found.get(language or name, {})
    return found


def origin(row: Mapping[str, Any]) -> str:
    """Origin of a picture from its row: `source`, else the host of its `url`; empty if it has neither."""
    if isinstance(source := row.get("source"), str) and source:
        return source
    try:
        return urlsplit(url).hostname or "" if isinstance(url := row.get("url"), str) else ""
    except ValueError:
        return ""


def merge(first: Captions, second: Captions) -> Captions:
    """Merges captions; where both have a field, the first wins."""
    return {language: second.get(language, {}) | first.get(language, {}) for language in second | first}


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise DataError(f"no text: {name} is {str(value)[:40]!r}")
    return value


def _chinese(value: str) -> bool:
    """Whether text decoded as GB18030 was meant as Chinese: an accented Latin letter takes the next letter along, and
    gives bytes below the range of GB2312.
    """
    pairs = [letter.encode("gb18030") for letter in value if letter > "\x7f"]
    return len(pairs) > 1 and sum(min(pair) >= 0xA1 for pair in pairs) >= 0.8 * len(pairs)


def _attempt(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None
