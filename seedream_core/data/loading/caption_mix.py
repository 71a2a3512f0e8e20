"""Chooses the caption of a sample at a step: a mix over languages and fields, with caption dropout (Seedream 2.0,
bilingual).

Language and dropout are drawn per sample, the field per step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from annotated_types import Ge, Le

from seedream_core.errors import DataError
from seedream_core.randomness import fraction
from seedream_core.workflow.config import Config

Weight = Annotated[float, Ge(0)]


@dataclass(frozen=True, kw_only=True)
class CaptionMix(Config):
    """Weights need not sum to one; they are normalised over the captions that a sample has."""

    languages: dict[str, Weight] = field(default_factory=lambda: {"en": 0.5, "zh": 0.5})
    """Weight of each language; languages that are not listed are not used."""
    fields: dict[str, Weight] = field(default_factory=lambda: {"short": 0.7})
    """Weight of each caption field."""
    others: Weight = 0.1
    """Weight of every field that `fields` does not list."""
    dropout: Annotated[float, Ge(0), Le(1)] = 0.1
    """Share of steps at which a sample's caption is dropped, for classifier-free guidance."""

    def __post_init__(self) -> None:
        if not any(self.languages.values()):
            raise ValueError("languages: at least one needs a weight above 0")
        if not self.others and not any(self.fields.values()):
            raise ValueError("fields: at least one needs a weight above 0, or `others` does")

    def choose(self, captions: Mapping[str, Mapping[str, str]], seed: int, key: str, step: int) -> str:
        """The caption of sample `key` at this step; "" if it is dropped, or if the sample has no caption.

        DataError if the sample has captions, but the mix uses none of them: it would silently be trained without a
        caption.
        """
        weights = [
            (self.languages[language], self._within(captions[language]))
            for language in sorted(captions)
            if self.languages.get(language)
        ]
        texts = [(weight, fields) for weight, fields in weights if fields]
        if not texts and (has := _names(captions)):
            raise DataError(
                f"sample {key}: the caption mix takes none of its captions ({', '.join(has)})",
                "name them in captions.languages and captions.fields, or give captions.others a weight",
            )
        if not texts or fraction(seed, key, step, "caption dropout") < self.dropout:
            return ""
        # One field for the whole step: a single long caption would pad all others of its batch to its length.
        return _draw(_draw(texts, fraction(seed, key, step, "language")), fraction(seed, "", step, "caption"))

    def _within(self, texts: Mapping[str, str]) -> list[tuple[float, str]]:
        weighed = [(self.fields.get(name, self.others), text) for name, text in sorted(texts.items())]
        return [(weight, text) for weight, text in weighed if weight and text]


def _names(captions: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Names such as `en.short` of the captions that are not empty."""
    return [
        f"{language}.{name}"
        for language in sorted(captions)
        for name, text in sorted(captions[language].items())
        if text
    ]


def _draw(weighed: Sequence[tuple[float, Any]], at: float) -> Any:
    left = at * sum(weight for weight, _ in weighed)
    for weight, item in weighed:
        left -= weight
        if left < 0:
            return item
    return weighed[-1][1]
