"""Measures captions of synthetic scenes: the number of claims (richness) and the share that is true (accuracy).

A claim is one thing that a caption says of a scene: an object with its colour, the background, a number, a place, a
relation, a size. Words outside the world's vocabulary claim nothing here.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from seedream_core.synthetic.scenes.captions import (
    CHINESE,
    CHINESE_PLACES,
    ENGLISH_PLACES,
    LARGE,
    NUMBERS,
    PLURALS,
    RELATIONS,
    SMALL,
)
from seedream_core.synthetic.scenes.world import BACKGROUNDS, COLORS, EXTENTS, OPPOSITE, Scene, World

Claim = tuple[str, ...]
_COLOURS, _SHAPES = "|".join(COLORS), "|".join(f"{PLURALS.get(shape, shape + 's')}|{shape}" for shape in EXTENTS)
_SINGULAR = {PLURALS.get(shape, f"{shape}s"): shape for shape in EXTENTS}
_GROUNDS = "|".join(BACKGROUNDS)
_HAN = {chinese: english for english, chinese in CHINESE.items()}
_PLACES = {
    "en": {name: (row, column) for row, names in enumerate(ENGLISH_PLACES) for column, name in enumerate(names)},
    "zh": {name: (row, column) for row, names in enumerate(CHINESE_PLACES) for column, name in enumerate(names)},
}


@dataclass(frozen=True)
class Quality:
    """Of one caption, or the mean of several."""

    richness: float
    """Claims."""
    accuracy: float
    """Share of them that are true; 1 where nothing is claimed."""


def judge(text: str, language: str, scene: Scene, world: World) -> Quality:
    found = claims(text, language)
    true = sum(_true(claim, scene, world) for claim in found)
    return Quality(len(found), true / len(found) if found else 1.0)


def mean(qualities: Iterable[Quality]) -> Quality:
    """Accuracy over all claims together: a caption that says much weighs much."""
    listed = list(qualities)
    total = sum(one.richness for one in listed)
    return Quality(
        total / max(1, len(listed)), sum(one.richness * one.accuracy for one in listed) / total if total else 1.0
    )


def claims(text: str, language: str) -> set[Claim]:
    """What a caption in this language says, of the kinds above."""
    return _english(text.lower()) if language == "en" else _chinese(text)


def _english(text: str) -> set[Claim]:
    found: set[Claim] = {
        ("thing", color, _SINGULAR.get(shape, shape))
        for color, shape in re.findall(rf"\b({_COLOURS}) ({_SHAPES})\b", text)
    }
    found |= {("background", name) for name in re.findall(rf"\b({_GROUNDS})\b", text)}
    found |= {
        ("count", str(number)) for number, word in NUMBERS["en"].items() if re.search(rf"\b({word}|{number})\b", text)
    }
    found |= {
        ("relation", name, *_order(text, words, "en"))
        for name, words in RELATIONS["en"].items()
        if re.search(rf"\b{words} (an? |the )?({_COLOURS}) ({_SHAPES})\b", text)
    }
    found |= {("size", word) for word in ("small", "large") if re.search(rf"\b{word}\b", text)}
    return found | _placed(text, "en")


def _chinese(text: str) -> set[Claim]:
    colours, shapes, grounds = ("|".join(CHINESE[name] for name in names) for names in (COLORS, EXTENTS, BACKGROUNDS))
    found: set[Claim] = {
        ("thing", _HAN[color], _HAN[shape]) for color, shape in re.findall(f"({colours})({shapes})", text)
    }
    found |= {("background", _HAN[name]) for name in re.findall(f"({grounds})", text)}
    found |= {
        ("count", str(number)) for number, word in NUMBERS["zh"].items() if re.search(f"({word}|{number})个", text)
    }
    found |= {
        ("relation", name, *_order(text, words, "zh"))
        for name, words in RELATIONS["zh"].items()
        if f"的{words}" in text
    }
    found |= {("size", word) for word, han in (("small", "小的"), ("large", "大的")) if han in text}
    return found | _placed(text, "zh")


def _placed(text: str, language: str) -> set[Claim]:
    """The places that the text names; longer names first, so that `at the top` is not found inside another name."""
    found = set()
    for name in sorted(_PLACES[language], key=len, reverse=True):
        if re.search(rf"\b{name}\b" if language == "en" else name, text):
            row, column = _PLACES[language][name]
            found.add(("place", str(row), str(column)))
            text = re.sub(name, " ", text)
    return found


def _order(text: str, words: str, language: str) -> tuple[str, ...]:
    """The things on both sides of a relation's words."""
    if language == "en":
        match = re.search(rf"({_COLOURS}) ({_SHAPES}) {words} an? ({_COLOURS}) ({_SHAPES})", text)
        return tuple(_SINGULAR.get(part, part) for part in match.groups()) if match else ()
    colours, shapes = ("|".join(CHINESE[name] for name in names) for names in (COLORS, EXTENTS))
    match = re.search(f"({colours})({shapes})在({colours})({shapes})的{words}", text)
    return tuple(_HAN[part] for part in match.groups()) if match else ()


def _true(claim: Claim, scene: Scene, world: World) -> bool:
    kind, *said = claim
    across, down = world.bounds
    things: Mapping = {(one.color, one.shape): one for one in scene.objects}
    match kind:
        case "thing":
            return tuple(said) in things
        case "background":
            return said[0] == scene.background or said[0] in {one.color for one in scene.objects}
        case "count":
            return int(said[0]) == len(scene.objects)
        case "place":
            return any(
                (min(2, int(3 * one.y / down)), min(2, int(3 * one.x / across))) == (int(said[0]), int(said[1]))
                for one in scene.objects
            )
        case "size":
            return any(one.size < SMALL if said[0] == "small" else one.size > LARGE for one in scene.objects)
    return _related(said, scene)


def _related(said: list[str], scene: Scene) -> bool:
    """Whether the first thing stands so to the second; without things, whether the scene's own first does."""
    if len(scene.objects) != 2 or scene.relation is None:
        return False
    first, second = scene.objects
    if not said[1:]:
        return said[0] == scene.relation
    if tuple(said[1:]) == (first.color, first.shape, second.color, second.shape):
        return said[0] == scene.relation
    return (
        tuple(said[1:]) == (second.color, second.shape, first.color, first.shape)
        and said[0] == OPPOSITE[scene.relation]
    )
