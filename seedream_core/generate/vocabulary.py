"""The vocabulary of a model: words and characters of its training captions, kept as vocabulary.json beside
generator.yaml, to warn about unknown words.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

FILE = "vocabulary.json"
# Chinese is written without spaces, so each Han character stands for itself; elsewhere a word is a run of letters or
# digits.
HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_PIECES = re.compile(rf"[{HAN}]|(?:(?![{HAN}_])\w)+")
_HAN = re.compile(f"[{HAN}]")
_SHOWN = 14


def build(captions: Iterable[str]) -> dict:
    """Every word and Han character seen, the most telling first, and two example prompts."""
    words, characters = Counter(), Counter()
    english, chinese = [], []
    for caption in set(captions):
        pieces = set(_pieces(caption))
        if not pieces:
            continue
        han = {piece for piece in pieces if _HAN.match(piece)}
        characters.update(han)
        words.update(pieces - han)
        (chinese if han else english).append(caption)
    return {
        "words": _telling_first(words, len(english)),
        "characters": "".join(_telling_first(characters, len(chinese))),
        "examples": _examples(english, chinese),
    }


def write(knowledge: dict, folder: Path) -> None:
    (folder / FILE).write_text(json.dumps(knowledge, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def inherit(model: Path, out: Path, captions: Iterable[str] = ()) -> None:
    """A model made from another one (distilled, quantised, fine-tuned) knows what that one knew, and what it learnt
    since.
    """
    known = load(model)
    if known is None:
        return
    learnt = build(captions)
    words = known["words"] + [word for word in learnt["words"] if word not in set(known["words"])]
    characters = known["characters"] + "".join(one for one in learnt["characters"] if one not in known["characters"])
    write({"words": words, "characters": characters, "examples": learnt["examples"] or known["examples"]}, out)


def load(model: Path) -> dict | None:
    """The model's vocabulary; None where it was never written (an adopted model may know any word)."""
    file = model / FILE
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def unknown(prompt: str, knowledge: dict) -> list[str]:
    """The words and runs of Han characters of `prompt` that no training caption had, in order, each once."""
    known = set(knowledge["words"]) | set(knowledge["characters"])
    found: list[str] = []
    end = -1
    for match in _PIECES.finditer(prompt):
        piece = match.group().casefold()
        if piece in known:
            continue
        if match.start() == end and _HAN.match(piece) and _HAN.match(found[-1]):
            found[-1] += piece
        else:
            found.append(piece)
        end = match.end()
    return list(dict.fromkeys(found))


def explain(unknown_words: list[str], knowledge: dict) -> str:
    """One line: what is not known, what is, and two prompts that work."""
    knows = ", ".join(knowledge["words"][:_SHOWN])
    if characters := knowledge["characters"]:
        knows += (", " if knows else "") + characters[:_SHOWN]
    more = len(knowledge["words"]) > _SHOWN or len(characters) > _SHOWN
    examples = " or ".join(f"“{example}”" for example in knowledge["examples"])
    return (
        f"This model has never met {', '.join(f'“{word}”' for word in unknown_words)}; "
        f"it knows {knows}{' …' if more else ''}. Try {examples}."
    )


def _pieces(text: str) -> list[str]:
    return [piece.casefold() for piece in _PIECES.findall(text)]


def _telling_first(counts: Counter, captions: int) -> list[str]:
    # A piece of more than half of the captions ("a", "background") tells a reader nothing: it goes to the end.
    return sorted(counts, key=lambda piece: (counts[piece] * 2 > captions, -counts[piece], piece))


def _examples(english: list[str], chinese: list[str]) -> list[str]:
    """Captions of usual length: one in each language, or two of the only one."""
    if not (english and chinese):
        only = sorted(english or chinese, key=lambda caption: (len(caption), caption))
        return only[len(only) // 3 :][:2]
    return [sorted(some, key=lambda caption: (len(caption), caption))[len(some) // 2] for some in (english, chinese)]
