"""Control tuples from depth maps: a depth model from a local folder makes the reference (near is bright), the picture
is the target (Seedream 4.0).
"""

from dataclasses import dataclass, field

import numpy as np

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.pairs import Make, Pair, Pairs
from seedream_core.randomness import Rng
from seedream_core.workflow.config import OUTSIDE

INSTRUCTION = {"en": "draw a picture with this depth", "zh": "按照这张深度图作画"}


@dataclass(frozen=True, kw_only=True)
class DepthPairs(Pairs):
    path: str | None = field(default=None, metadata=OUTSIDE)
    """Folder of a depth estimation model."""

    def start(self) -> Make:
        from seedream_core.models.hf_models import load

        outside = load(self.path, "DepthEstimation", "pairs depth")

        def make(view: LazySample, draw: Rng) -> list[Pair]:
            (depth,) = outside.resized(outside([view.pixels]).predicted_depth, view.pixels)
            low, high = float(depth.min()), float(depth.max())
            shades = (
                np.round(255 * (depth - low) / (high - low)).astype(np.uint8)
                if high > low
                else np.zeros(depth.shape, np.uint8)
            )
            return [
                Pair(
                    "depth",
                    (np.repeat(shades[..., None], 3, -1),),
                    (view.pixels,),
                    INSTRUCTION,
                    dict(view.sample.captions),
                )
            ]

        return make
