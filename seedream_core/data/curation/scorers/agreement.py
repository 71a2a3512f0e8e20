"""Scorer of image-text agreement: the probability that a caption belongs to its picture, by a dual encoder (Seedream
2.0's second stage).

The encoder's calibration makes it a chance: between a picture's own captions and those of another picture, even odds
before looking, and half of the others chosen to be alike.
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
    """A CLIP or SigLIP in transformers' format, or a dual encoder; empty for the stage's `encoder`."""
    languages: tuple[str, ...] = ()
    """Captions of these languages are judged: name those that an encoder from outside knows. None means all."""

    def start(self, models: Mapping[str, Path]) -> Score:
        encoder = opened_for(self, self.path, models)

        def score(views: Sequence[LazySample]) -> None:
            told = [self.captions(view) for view in views]
            for view in (view for view, captions in zip(views, told, strict=True) if not captions):
                view.scores["agreement"] = 1.0  # nothing is said that could be wrong
            judged = [(view, captions) for view, captions in zip(views, told, strict=True) if captions]
            pictures = vectors(encoder, [view for view, _ in judged])
            found = encoder.agreement(pictures, [captions for _, captions in judged])
            for (view, _), value in zip(judged, found, strict=True):
                view.scores["agreement"] = round(float(value), DIGITS)

        return score

    def captions(self, view: LazySample) -> list[str]:
        """Those that are judged; each counts alike."""
        return [
            text
            for language, fields in sorted(view.sample.captions.items())
            if not self.languages or language in self.languages
            for _, text in sorted(fields.items())
            if text.strip()
        ]
