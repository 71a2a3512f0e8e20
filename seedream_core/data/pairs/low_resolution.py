"""Super-resolution tuples: the reference is the picture at reduced resolution, the target is the picture (Seedream
4.0).
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge
from PIL import Image

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.pairs import Make, Pair, Pairs
from seedream_core.randomness import Rng

INSTRUCTION = {"en": "make this picture sharp", "zh": "让这张图片变清晰"}


@dataclass(frozen=True, kw_only=True)
class LowResolutionPairs(Pairs):
    factor: Annotated[int, Ge(2)] = 4
    """Reduction factor of the reference, which is then enlarged to the target's size."""

    def start(self) -> Make:
        return self._make

    def _make(self, view: LazySample, draw: Rng) -> list[Pair]:
        width, height = view.size
        if min(width, height) < 2 * self.factor:
            return []
        image = Image.fromarray(view.pixels)
        small = image.resize((width // self.factor, height // self.factor), Image.Resampling.BOX)
        return [
            Pair(
                "low_resolution",
                (np.asarray(small.resize(image.size, Image.Resampling.BICUBIC)),),
                (view.pixels,),
                INSTRUCTION,
                dict(view.sample.captions),
            )
        ]
