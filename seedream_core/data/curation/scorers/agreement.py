"""Scorer of image-text agreement: probability that a caption belongs to its picture, by a dual encoder (second stage of
Seedream 2.0's data filtering).

The encoder's calibration turns similarity into a probability: of two cases, own captions or those of another picture,
each is equally likely beforehand, and half of the other captions are chosen to be similar.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers import Score, Scorer
from seedream_core.data.curation.scorers.embedding import opened_for, vectors
from seedream_core.workflow.config import OUTSIDE

DIGITS = 4


@dataclass(frozen=True, kw_only=True)
class AgreementScorer(Scorer):
    gives: ClassVar[tuple[str, ...]] = ("agreement",)
    path: str = field(default="", metadata=OUTSIDE)
    """A CLIP or SigLIP folder in transformers' format, or a dual encoder; empty for the stage's `encoder`."""
    languages: tuple[str, ...] = ()
    """Languages whose captions are judged: name those that an external encoder knows. None means all languages."""

    def start(self, models: Mapping[str, Path]) -> Score:
        encoder = opened_for(self, self.path, models)

        def score(views: Sequence[LazySample]) -> None:
            captions_of_views = [self.captions(view) for view in views]
            for view in (view for view, captions in zip(views, captions_of_views, strict=True) if not captions):
                view.scores["agreement"] = 1.0  # no caption that could be wrong
            judged = [(view, captions) for view, captions in zip(views, captions_of_views, strict=True) if captions]
            pictures = vectors(encoder, [view for view, _ in judged])
            found = encoder.agreement(pictures, [captions for _, captions in judged])
            for (view, _), value in zip(judged, found, strict=True):
                view.scores["agreement"] = round(float(value), DIGITS)

        return score

    def captions(self, view: LazySample) -> list[str]:
        """The captions that are judged; all have equal weight."""
        return [
            text
            for language, fields in sorted(view.sample.captions.items())
            if not self.languages or language in self.languages
            for _, text in sorted(fields.items())
            if text.strip()
        ]
