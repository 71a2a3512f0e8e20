"""Scorer of caption language: share of words in the language that the caption's field declares, judged by script.

Each Chinese character counts as one word, each run of letters as one: a brand's name makes no Chinese caption English.
What stands in quotes is what a picture shows and may be in any language. Latin letters alone do not tell English from
French: their function words do, where there are any.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers import Score, Scorer

DIGITS = 4
_QUOTED = re.compile(r'"[^"]*"|“[^”]*”|「[^」]*」|『[^』]*』|《[^》]*》')
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003134f"
_KANA = r"\u3040-\u30ff"
_WORDS = re.compile(rf"(?P<han>[{_HAN}])|(?P<kana>[{_KANA}]+)|(?P<latin>[A-Za-z\u00c0-\u024f]+)|(?P<other>[^\W\d_])")
_FUNCTION = {
    "en": "the a an of and in on with is are to at by for from this that two three",
    "fr": "le la les des et est un une dans sur avec du pour au aux",
    "de": "der die das und ein eine einer ist mit auf von im den dem zu",
    "es": "el la los las y es un una en con del por al para",
    "it": "il lo la gli e è un una di con nel della per sul",
    "pt": "o os as e é um uma em com do da no na para",
    "nl": "de het een en van met op in is te",
}
_FUNCTION = {language: frozenset(words.split()) for language, words in _FUNCTION.items()}
FEWEST = 3
"""Number of foreign function words from which a caption counts as foreign."""


@dataclass(frozen=True, kw_only=True)
class LanguageScorer(Scorer):
    gives: ClassVar[tuple[str, ...]] = ("language",)
    reads: ClassVar[str] = "record"

    def start(self, models: Mapping[str, Path]) -> Score:
        def score(views: Sequence[LazySample]) -> None:
            for view in views:
                captions = view.sample.captions.items()
                found = [
                    in_language(text, language)
                    for language, fields in captions
                    for text in fields.values()
                    if text.strip()
                ]
                view.scores["language"] = round(min(found, default=1.0), DIGITS)

        return score


def in_language(text: str, language: str) -> float:
    """Share of a text's words in this language, as far as it can be decided; 1 for unknown languages."""
    if language not in ("en", "zh"):
        return 1.0
    words = list(_WORDS.finditer(text))
    if outside := list(_WORDS.finditer(_QUOTED.sub(" ", text))):
        words = outside
    if not words:
        return 0.0
    kinds = [word.lastgroup for word in words]
    if language == "zh":
        # kana is Japanese, and then Chinese characters beside it are Japanese too
        return 0.0 if "kana" in kinds else kinds.count("han") / len(kinds)
    return kinds.count("latin") / len(kinds) * (not _foreign(word.group().lower() for word in words))


def _foreign(words: Sequence[str]) -> bool:
    """Whether function words of another language outnumber English ones, and are too many to be part of a name."""
    words = list(words)
    counts = {language: sum(word in known for word in words) for language, known in _FUNCTION.items()}
    english = counts.pop("en")
    return max(counts.values()) >= max(FEWEST, english + 1)
