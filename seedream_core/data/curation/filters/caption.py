"""Filter of captions that are missing, empty, not text, or too long."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge

from seedream_core.data.curation.filters import Filter, LazySample
from seedream_core.records import Verdict


@dataclass(frozen=True, kw_only=True)
class CaptionFilter(Filter):
    renamed: ClassVar[Mapping[str, str]] = {"longest": "max_characters"}
    languages: tuple[str, ...] = ()
    """Languages in which a caption is required; an empty list requires one in any language."""
    max_characters: Annotated[int, Ge(1)] = 1000
    """Largest number of characters."""

    def __call__(self, view: LazySample) -> Verdict:
        captions = view.sample.captions
        for language, texts in captions.items():
            for name, text in texts.items():
                if problem := self._problem(text):
                    return Verdict(False, f"{language}.{name} {problem}")
        for language in self.languages:
            if not captions.get(language):
                return Verdict(False, f"no caption in {language}")
        return Verdict(any(captions.values()), "no caption")

    def _problem(self, text: str) -> str:
        if not text.strip():
            return "is empty"
        if len(text) > self.max_characters:
            return f"has {len(text)} characters, over {self.max_characters}"
        # Left by a wrong encoding: half a surrogate pair, the replacement character, control characters.
        broken = next(
            (
                letter
                for letter in text
                if letter == "\ufffd"
                or "\ud800" <= letter <= "\udfff"
                or (letter < " " and letter not in "\t\n\r")
                or "\x7f" <= letter <= "\x9f"
            ),
            None,
        )
        return f"is not UTF-8 text (U+{ord(broken):04X})" if broken else ""
