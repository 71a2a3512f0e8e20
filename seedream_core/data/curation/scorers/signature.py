"""Scorer of near-duplicate signatures: a small colour thumbnail of each picture and its sides, with which dedup/near
finds and compares duplicates (our design).

3,080 bytes per sample: 32×32×3 uint8, resized to a square, and the two original sides as uint32. A 64-bit hash would
find candidates as well, but could not distinguish a red circle from a blue one, or tell how far it was moved.
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
    """32×32×3 uint8. The filter spans two of its pixels, so that small shifts of the picture's pixel grid matter
    little.
    """
    return np.asarray(Image.fromarray(thumbnail).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
