"""Image-text embeddings: a picture as a unit vector in the space of captions (Seedream 2.0's second stage; CLIP, SigLIP)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

import numpy as np

from seedream_core.data.scorers import Score, Scorer
from seedream_core.data.view import View
from seedream_core.errors import UserError

if TYPE_CHECKING:
    from seedream_core.models.dual_encoder import Encoder

_SEEN: "WeakKeyDictionary[View, tuple[Path, np.ndarray]]" = WeakKeyDictionary()
"""Vectors of the views that are being judged: two scorers of one encoder need not both compute them."""


@dataclass(frozen=True, kw_only=True)
class Embedding(Scorer):
    gives: ClassVar[tuple[str, ...]] = ("embedding",)
    path: str = ""
    """A CLIP or SigLIP in transformers' format, or a dual encoder; empty for the stage's `encoder`."""

    def start(self, models: Mapping[str, Path]) -> Score:
        folder = encoder_folder(self, self.path, models)
        opened(folder)

        def score(views: Sequence[View]) -> None:
            for view, vector in zip(views, vectors(folder, views), strict=True):
                view.features["embedding"] = vector.astype(np.float16)

        return score


def encoder_folder(scorer: Scorer, path: str, models: Mapping[str, Path]) -> Path:
    """Where a scorer's encoder stands; UserError where nothing names one."""
    if not path and "encoder" not in models:
        raise UserError(f"the scorer {scorer.name()} needs a dual encoder",
                        "make one with pretrain/dual_encoder and name it as `encoder`, or give the scorer the `path` of a CLIP or SigLIP")
    return Path(path or models["encoder"])


@lru_cache(maxsize=2)
def opened(folder: Path) -> "Encoder":
    from seedream_core.models.dual_encoder import load

    return load(folder)


def vectors(folder: Path, views: Sequence[View]) -> np.ndarray:
    """N×dim, float32: of each view's picture."""
    missing = [view for view in views if _SEEN.get(view, (None,))[0] != folder]
    for view, vector in zip(missing, opened(folder).images([view.pixels for view in missing]), strict=True):
        _SEEN[view] = folder, vector
    return np.stack([_SEEN[view][1] for view in views]) if views else np.empty((0, opened(folder).dim), np.float32)
