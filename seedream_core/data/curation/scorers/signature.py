"""Scorer of near-duplicate signatures: a small colour thumbnail of each picture and its sides, by which dedup/near
finds and compares duplicates (our design).

3,080 bytes a sample: 32×32×3 of uint8, squeezed to a square, and two sides of uint32 that say how it was squeezed. A
hash of 64 bits finds candidates as well, but cannot tell a red circle from a blue one, nor how far either was moved.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers import Score, Scorer

SIDE = 32


@dataclass(frozen=True, kw_only=True)
class SignatureScorer(Scorer):
    gives: ClassVar[tuple[str, ...]] = ("signature", "sides")
    reads: ClassVar[str] = "thumbnail"

    def start(self, models: Mapping[str, Path]) -> Score:
        return note


def note(views: Sequence[LazySample]) -> None:
    for view in views:
        view.features["signature"] = signature(view.thumbnail)
        view.features["sides"] = np.array(view.size, np.uint32)


def signature(thumbnail: np.ndarray) -> np.ndarray:
    """32×32×3 uint8. The filter spans two of its pixels, so that where a picture's pixels happen to begin matters
    little.
    """
    return np.asarray(Image.fromarray(thumbnail).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
