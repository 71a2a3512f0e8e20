"""Subtitle defects: one or two lines of opaque text in the lower third, outlined or on a band (our design)."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from seedream_core.randomness import Rng
from seedream_core.synthetic.defects import Box, Defect
from seedream_core.synthetic.defects.ink import blend, fitted, line, whole

INKS = ((255, 255, 255), (255, 255, 255), (255, 235, 60), (250, 250, 220), (120, 230, 255))


@dataclass(frozen=True, kw_only=True)
class Subtitle(Defect):
    """The boxes are those of each line with its outline, or that of the band."""

    def __call__(self, pixels: np.ndarray, draw: Rng) -> tuple[np.ndarray, list[Box]]:
        height, width = pixels.shape[:2]
        tall = max(7, round(min(width, height) * draw.uniform(0.07, 0.12)))
        lines = 1 if draw.uniform(0, 1) < 0.75 else 2
        style = draw.choice(("outline", "outline", "band", "shadow"))
        ink, out, boxes = draw.choice(INKS), pixels.copy(), []
        bottom = height - round(height * draw.uniform(0.02, 0.12))
        for _ in range(lines):
            cover = fitted(line(draw, tall, whole(draw, 2, 4)), int(width * 0.94), tall * 2)
            pad = max(1, round(tall * (0.12 if style == "outline" else 0.2)))
            cover = np.pad(cover, pad)
            top, left = bottom - cover.shape[0], (width - cover.shape[1]) // 2
            if style == "band":
                boxes.append(blend(out, np.full_like(cover, draw.uniform(0.55, 1.0)), (10, 10, 10), left, top))
                blend(out, cover, ink, left, top)
            else:
                edge = (
                    _outline(cover, pad) if style == "outline" else np.roll(cover, (pad // 2 + 1, pad // 2 + 1), (0, 1))
                )
                boxes.append(blend(out, edge, (10, 10, 10), left, top))
                blend(out, cover, ink, left, top)
            bottom = top - max(1, tall // 6)
        return out, [box for box in boxes if box]


def _outline(cover: np.ndarray, width: int) -> np.ndarray:
    image = Image.fromarray((cover * 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.MaxFilter(2 * width + 1)), np.float32) / 255
