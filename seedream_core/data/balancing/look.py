"""Image features without a model: 124 numbers for colours, edge directions and coarse layout (our choice).

Used if no embedding is given: groups similar pictures, without knowledge of their meaning. Roots of the histograms give
a small object more weight than its area. Measured on scenes of two seeds: a fourth root for colours separated rare ones
better than a square root, and the layout works best with a very small weight.
"""

import numpy as np
from PIL import Image

SIDE = 64
LEVELS = 4  # per colour channel
DIRECTIONS = 12
CELLS = 4
EDGE = 16.0  # weaker gradients, of 0 to 255 per pixel, are noise
LAYOUT = 0.05  # of its weight


def look(pixels: np.ndarray) -> np.ndarray:
    """H×W×3 uint8 -> float32 vector."""
    image = Image.fromarray(pixels)
    if image.size != (SIDE, SIDE):
        image = image.resize((SIDE, SIDE), Image.Resampling.BOX)
    small = np.asarray(image)
    return np.concatenate([_colours(small), _edges(small), LAYOUT * _layout(small)]).astype(np.float32)


def _colours(pixels: np.ndarray) -> np.ndarray:
    levels = pixels.astype(np.int64) * LEVELS // 256
    bins = (levels[..., 0] * LEVELS + levels[..., 1]) * LEVELS + levels[..., 2]
    roots = np.bincount(bins.ravel(), minlength=LEVELS**3) ** 0.25
    return roots / np.linalg.norm(roots)


def _edges(pixels: np.ndarray) -> np.ndarray:
    """Histogram of edge directions weighted by strength, each edge shared between its two nearest bins; a circle gives
    equal bins.
    """
    gray = pixels.astype(np.float32) @ np.float32([0.299, 0.587, 0.114])
    down, across = np.gradient(gray)
    strength = np.hypot(down, across)
    strength[strength < EDGE] = 0
    place = np.arctan2(down, across) % np.pi / np.pi * DIRECTIONS
    low = place.astype(np.int64)
    share = place - low
    bins = sum(
        np.bincount(index.ravel() % DIRECTIONS, (part * strength).ravel(), minlength=DIRECTIONS)
        for index, part in ((low, 1 - share), (low + 1, share))
    )
    return np.sqrt(bins / max(bins.sum(), 1e-9))


def _layout(pixels: np.ndarray) -> np.ndarray:
    """Mean colours of a coarse grid, relative to those of the whole picture."""
    cell = SIDE // CELLS
    means = pixels.reshape(CELLS, cell, CELLS, cell, 3).mean((1, 3)) / 255
    return (means - means.mean((0, 1))).ravel()
