"""Filter of captions that contain a listed word: whole words, but Chinese, Japanese and Korean words anywhere; case and
character width are ignored.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from seedream_core.data.curation.filters import Filter, LazySample
from seedream_core.errors import UserError
from seedream_core.records import Verdict
from seedream_core.workflow.config import OUTSIDE

_JOINED = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
"""Letters of scripts written without spaces: kana, Chinese characters, hangul."""
_LETTER = rf"[^\W_{_JOINED}]"
"""A letter that must not stand beside a whole word; `\\b` does not work, because for it 裸 and nude in 裸nude are one
word."""


@dataclass(frozen=True, kw_only=True)
class WordsFilter(Filter):
    words: tuple[str, ...] = ()
    """Words that a caption must not contain."""
    file: str | None = field(default=None, metadata=OUTSIDE)
    """Text file with more words, one per line; lines that begin with # are comments."""

    def __post_init__(self) -> None:
        if not self.words and not self.file:
            raise ValueError("words: give words, a file of them, or both")
        if not all(word.strip() for word in self.words):
            raise ValueError("words: an empty word would match every caption")

    def __call__(self, view: LazySample) -> Verdict:
        pattern = _pattern(self.words, self.file)
        for language, texts in view.sample.captions.items():
            for name, text in texts.items():
                if found := pattern.search(_plain(text)):
                    return Verdict(False, f"{language}.{name} holds {found[0]!r}")
        return Verdict(True)


@lru_cache(maxsize=4)
def _pattern(words: tuple[str, ...], file: str | None) -> re.Pattern:
    listed = [*words]
    if file:
        try:
            lines = [line.strip() for line in Path(file).read_text(encoding="utf-8-sig").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"filter words: {file} cannot be read: {error}") from None
        listed += [line for line in lines if line and not line.startswith("#")]
        if not listed:
            raise UserError(
                f"filter words: {file} has no words", "write one word per line; lines that begin with # are comments"
            )
    parts = [
        re.escape(word) if re.search(f"[{_JOINED}]", word) else f"(?<!{_LETTER}){re.escape(word)}(?!{_LETTER})"
        for word in map(_plain, listed)
    ]
    return re.compile("|".join(parts))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
