"""Captions that hold a word of a list: in English whole words, in Chinese anywhere, in any case and width."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from seedream_core.data.filters import Filter, View
from seedream_core.errors import UserError
from seedream_core.records import Verdict


@dataclass(frozen=True, kw_only=True)
class Words(Filter):
    words: tuple[str, ...] = ()
    """Words that no caption may hold."""
    file: str | None = None
    """A text file of more such words, one in a line; lines that begin with # are notes."""

    def __call__(self, view: View) -> Verdict:
        pattern = _pattern(self.words, self.file)
        for language, texts in view.sample.captions.items():
            for name, text in texts.items():
                if pattern and (found := pattern.search(_plain(text))):
                    return Verdict(False, f"{language}.{name} holds {found[0]!r}")
        return Verdict(True)


@lru_cache(maxsize=4)
def _pattern(words: tuple[str, ...], file: str | None) -> re.Pattern | None:
    listed = [*words]
    if file:
        try:
            lines = Path(file).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"filter words: {file} cannot be read: {error}") from None
        listed += [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    # \b lies between any two Chinese characters' neighbours wrongly: only words of letters are bounded.
    parts = [rf"\b{re.escape(word)}\b" if word.isascii() else re.escape(word) for word in map(_plain, listed)]
    return re.compile("|".join(parts)) if parts else None


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
