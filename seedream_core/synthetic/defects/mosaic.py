"""Mosaic defects: a rectangle of the picture is pixelated, as faces and number plates are hidden (our design)."""

from dataclasses import dataclass

import numpy as np

from seedream_core.randomness import Rng
from seedream_core.synthetic.defects import Box, Defect
from seedream_core.synthetic.defects.ink import whole
from seedream_core.synthetic.scenes.regions import regions

TRIES = 8
CHANGED = 16  # levels of 255


@dataclass(frozen=True, kw_only=True)
class Mosaic(Defect):
    """Pixelating changes nothing on a plain ground, so the place that changes most out of a few is taken. The truth is
    the box of each connected group of blocks that changed; a single block does not count."""

    def __call__(self, pixels: np.ndarray, draw: Rng) -> tuple[np.ndarray, list[Box]]:
        height, width = pixels.shape[:2]
        side = min(width, height)
        block = max(4, round(side * draw.uniform(0.035, 0.1)))
        across, down = (max(2, round(side * draw.uniform(0.18, 0.7) / block)) for _ in range(2))
        across, down = min(across, width // block), min(down, height // block)
        places = [(whole(draw, 0, width - across * block), whole(draw, 0, height - down * block)) for _ in range(TRIES)]
        windows = [pixels[top : top + down * block, left : left + across * block] for left, top in places]
        (left, top), (means, changed) = max(
            zip(places, (_pixelated(window, block) for window in windows)), key=lambda item: item[1][1].sum()
        )
        out = pixels.copy()
        out[top : top + down * block, left : left + across * block] = means
        return out, [
            (
                left + columns.start * block,
                top + rows.start * block,
                left + columns.stop * block,
                top + rows.stop * block,
            )
            for rows, columns, own in regions(changed)
            if own.sum() > 1
        ]


def _pixelated(window: np.ndarray, block: int) -> tuple[np.ndarray, np.ndarray]:
    """The pixelated window, and which of its blocks differ visibly from the original."""
    down, across = window.shape[0] // block, window.shape[1] // block
    blocks = window.reshape(down, block, across, block, 3)
    means = blocks.mean((1, 3), keepdims=True, dtype=np.float32).round().astype(np.uint8)
    flat = np.broadcast_to(means, blocks.shape)
    changed = (np.maximum(blocks, flat) - np.minimum(blocks, flat)).max((1, 3, 4)) >= CHANGED
    return flat.reshape(window.shape), changed
