"""Inpainting tuples: the reference is the picture with a grey box and its mask, the target is the picture (Seedream
4.0).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Gt, Lt

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.pairs import Make, Pair, Pairs
from seedream_core.randomness import Rng

INSTRUCTION = {"en": "fill the grey area", "zh": "补全灰色区域"}
GREY = 128


@dataclass(frozen=True, kw_only=True)
class InpaintingPairs(Pairs):
    renamed: ClassVar[Mapping[str, str]] = {"least": "min_side", "most": "max_side"}
    min_side: Annotated[float, Gt(0), Lt(1)] = 0.2
    """Minimum side of the box, as a share of the picture's side."""
    max_side: Annotated[float, Gt(0), Lt(1)] = 0.6
    """Maximum side of the box."""

    def __post_init__(self) -> None:
        if self.min_side > self.max_side:
            raise ValueError(f"min_side: {self.min_side} is over max_side ({self.max_side})")

    def start(self) -> Make:
        return self._make

    def _make(self, view: LazySample, draw: Rng) -> list[Pair]:
        height, width, _ = view.pixels.shape
        high, wide = (max(1, round(side * draw.uniform(self.min_side, self.max_side))) for side in (height, width))
        top, left = int(draw.uniform(0, height - high + 1)), int(draw.uniform(0, width - wide + 1))
        mask = np.zeros((height, width), bool)
        mask[top : top + high, left : left + wide] = True
        holed = np.where(mask[..., None], np.uint8(GREY), view.pixels)
        return [Pair("inpainting", (holed,), (view.pixels,), INSTRUCTION, dict(view.sample.captions), mask=mask)]
