"""Watermark defects: half-transparent text, once (level or slanted) or repeated over the picture (our design)."""

from dataclasses import dataclass

import numpy as np

from seedream_core.randomness import Rng
from seedream_core.synthetic.defects import Box, Defect
from seedream_core.synthetic.defects.ink import blend, colour, fitted, line, turned, whole

TILED = 0.2
SLANTED = 0.35


@dataclass(frozen=True, kw_only=True)
class Watermark(Defect):
    """The boxes are those of each text; for slanted text, the upright box around it."""

    def __call__(self, pixels: np.ndarray, draw: Rng) -> tuple[np.ndarray, list[Box]]:
        height, width = pixels.shape[:2]
        side, tiled = min(width, height), draw.uniform(0, 1) < TILED
        # letters below 8 pixels are illegible
        cover = line(draw, max(8, round(side * (draw.uniform(0.06, 0.1) if tiled else draw.uniform(0.08, 0.22)))))
        slant = draw.uniform(-40, 40) if draw.uniform(0, 1) < SLANTED else 0.0
        most = 0.3 if tiled else draw.uniform(0.4, 0.95)
        cover = fitted(cover, max(16, int(width * most)), max(8, int(height * 0.9)))
        if slant:
            cover = fitted(turned(cover, slant), width, height)
        strength = draw.uniform(0.3, 0.75)
        ink = draw.choice(((255, 255, 255), (255, 255, 255), (0, 0, 0), (110, 110, 110), colour(draw)))
        out, cover, boxes = pixels.copy(), cover * strength, []
        if not tiled:
            left, top = (
                whole(draw, 0, max(0, most - size))
                for most, size in ((width, cover.shape[1]), (height, cover.shape[0]))
            )
            boxes.append(blend(out, cover, ink, left, top))
        else:
            across, down = (
                int(size * draw.uniform(1.5, 2.2)) + side // 16 for size in (cover.shape[1], cover.shape[0])
            )
            first, shift = whole(draw, 0, down // 2), draw.choice((0, across // 2))
            for row, top in enumerate(range(first, height - cover.shape[0] // 2, down)):
                for left in range(shift * (row % 2), width - cover.shape[1] // 2, across):
                    boxes.append(blend(out, cover, ink, left, top))
        return out, [box for box in boxes if box]
