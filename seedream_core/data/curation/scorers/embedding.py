"""Scorer of image embeddings: a unit vector for each picture, in the space shared with captions (second stage of
Seedream 2.0's data filtering; CLIP, SigLIP or our dual encoder).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

import numpy as np

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers import Score, Scorer
from seedream_core.errors import UserError
from seedream_core.workflow.artifact import digest
from seedream_core.workflow.config import OUTSIDE

if TYPE_CHECKING:
    from seedream_core.models.dual_encoder.base import DualEncoderBase

_SEEN: "WeakKeyDictionary[LazySample, tuple[DualEncoderBase, np.ndarray]]" = WeakKeyDictionary()
"""Vectors of the samples being judged, so that two scorers with one encoder compute them once."""


@dataclass(frozen=True, kw_only=True)
class EmbeddingScorer(Scorer):
    gives: ClassVar[tuple[str, ...]] = ("embedding",)
    path: str = field(default="", metadata=OUTSIDE)
    """A CLIP or SigLIP folder in transformers' format, or a dual encoder; empty for the stage's `encoder`."""

    def start(self, models: Mapping[str, Path]) -> Score:
        encoder = opened_for(self, self.path, models)

        def score(views: Sequence[LazySample]) -> None:
            for view, vector in zip(views, vectors(encoder, views), strict=True):
                view.features["embedding"] = vector.astype(np.float16)

        return score


def opened_for(scorer: Scorer, path: str, models: Mapping[str, Path]) -> "DualEncoderBase":
    """The encoder that a scorer uses; UserError if none is named."""
    if not path and "encoder" not in models:
        raise UserError(
            f"the scorer {scorer.name()} needs a dual encoder",
            "make one with pretrain/dual_encoder and name it as `encoder`, or give the scorer the `path` of a CLIP "
            "or SigLIP",
        )
    folder = Path(path or models["encoder"])
    return _opened(folder, digest(folder))


@lru_cache(maxsize=2)
def _opened(folder: Path, digest: str) -> "DualEncoderBase":
    """Loads the encoder once for all scorers of a process, as long as its files are unchanged."""
    from seedream_core.models.dual_encoder.artifact import load

    return load(folder)


def vectors(encoder: "DualEncoderBase", views: Sequence[LazySample]) -> np.ndarray:
    """N×dim, float32: the vector of each sample's picture."""
    missing = [view for view in views if _SEEN.get(view, (None,))[0] is not encoder]
    for view, vector in zip(missing, encoder.images([view.pixels for view in missing]), strict=True):
        _SEEN[view] = encoder, vector
    return np.stack([_SEEN[view][1] for view in views]) if views else np.empty((0, encoder.dim), np.float32)
