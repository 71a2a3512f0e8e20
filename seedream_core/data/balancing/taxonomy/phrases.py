"""Finds taxonomy phrases in captions: the longest match at each position; English by words (singular or plural),
Chinese by characters.
"""

import re
from collections.abc import Iterable, Mapping

from seedream_core.models.text.word_segmentation import HAN

# A Chinese character, a word of any other script, or a mark that no phrase reaches over.
_UNITS = re.compile(f"[{HAN}]|(?:(?![{HAN}])[^\\W\\d_])+|[^\\s\\w'’-]")
_POSSESSIVE = re.compile("['’]s\\b")


class Phrases:
    """Phrases, each with a number; a phrase of `but` matches in place of shorter phrases and is then ignored."""

    def __init__(self, phrases: Mapping[str, int], but: Iterable[str] = ()) -> None:
        self._known: dict[tuple[str, ...], int] = {}
        for phrase, number in [*((phrase, -1) for phrase in but), *phrases.items()]:
            for form in forms(phrase):
                self._known.setdefault(form, number)
        self._most = max(map(len, self._known), default=0)

    def find(self, text: str) -> list[int]:
        """The numbers of the phrases in a text, in order."""
        parts, place, found = units(text), 0, []
        while place < len(parts):
            lengths = range(min(self._most, len(parts) - place), 0, -1)
            length = next((n for n in lengths if tuple(parts[place : place + n]) in self._known), 0)
            if length and (number := self._known[tuple(parts[place : place + length])]) >= 0:
                found.append(number)
            place += length or 1
        return found


def units(text: str) -> list[str]:
    return _UNITS.findall(_POSSESSIVE.sub("", text.lower()))


def forms(phrase: str) -> Iterable[tuple[str, ...]]:
    """The phrase as it is, and with its last word in the plural; Chinese has only one form.

    ValueError if the phrase has no word.
    """
    parts = units(phrase)
    if not any(map(str.isalnum, parts)):
        raise ValueError(f"{phrase!r} has no word that can be found in a caption")
    *rest, last = parts
    yield (*rest, last)
    if not re.match(f"[{HAN}]", last):
        endings = {last + "s", last + "es"}
        if last.endswith("y"):
            endings.add(last[:-1] + "ies")
        if last.endswith("f"):
            endings.add(last[:-1] + "ves")
        if last.endswith("fe"):
            endings.add(last[:-2] + "ves")
        for ending in sorted(endings):
            yield (*rest, ending)
