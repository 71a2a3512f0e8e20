"""Control tuples from Canny edges: the edges are the reference, the picture is the target (Seedream 4.0: control tuples
from any image).
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le
from PIL import Image, ImageFilter

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.pairs import Make, Pair, Pairs
from seedream_core.randomness import Rng

INSTRUCTION = {"en": "draw a picture that follows these edges", "zh": "按照这些边缘线作画"}


@dataclass(frozen=True, kw_only=True)
class CannyPairs(Pairs):
    blur: Annotated[float, Ge(0)] = 1.0
    """Standard deviation of the Gaussian blur applied first, in pixels."""
    low: Annotated[float, Ge(0), Le(1)] = 0.08
    """Lower threshold: slope, as a share of the steepest possible, at which an edge continues."""
    high: Annotated[float, Ge(0), Le(1)] = 0.2
    """Upper threshold: slope at which an edge begins."""

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"low: {self.low} is over high ({self.high})")

    def start(self) -> Make:
        return self._make

    def _make(self, view: LazySample, draw: Rng) -> list[Pair]:
        lines = edges(view.pixels, self.blur, self.low, self.high)
        if not lines.any():
            return []
        shown = np.repeat(lines[..., None] * np.uint8(255), 3, -1)
        return [Pair("canny", (shown,), (view.pixels,), INSTRUCTION, dict(view.sample.captions))]


def edges(pixels: np.ndarray, blur: float, low: float, high: float) -> np.ndarray:
    """Canny edges, H×W bool: non-maximum suppression of slopes; weak edges are kept only beside strong ones."""
    smooth = np.asarray(Image.fromarray(pixels).convert("L").filter(ImageFilter.GaussianBlur(blur)), np.float32) / 255
    padded = np.pad(smooth, 1, "edge")
    blurred = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    across = (blurred[:, 2:] - blurred[:, :-2]) / 4
    blurred = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    down = (blurred[2:] - blurred[:-2]) / 4
    slope = np.hypot(across, down)
    crest = _crests(slope, across, down)
    strong, weak = crest & (slope >= high), crest & (slope >= low)
    while True:
        near = np.pad(strong, 1)
        grown = weak & np.logical_or.reduce(
            [near[1 + y : near.shape[0] - 1 + y, 1 + x : near.shape[1] - 1 + x] for y in (-1, 0, 1) for x in (-1, 0, 1)]
        )
        if (grown == strong).all():
            return strong
        strong = grown | strong


def _crests(slope: np.ndarray, across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Where the slope is at least that of both neighbours along its direction, rounded to 45 degrees."""
    direction = np.round(np.arctan2(down, across) / (np.pi / 4)).astype(int) % 4
    padded, crest = np.pad(slope, 1), np.zeros(slope.shape, bool)
    height, width = slope.shape
    for number, (y, x) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead, behind = (
            padded[1 + y : 1 + y + height, 1 + x : 1 + x + width],
            padded[1 - y : 1 - y + height, 1 - x : 1 - x + width],
        )
        # Strict on one side, so that one of two equal neighbours stays.
        crest |= (direction == number) & (slope >= ahead) & (slope > behind)
    return crest
