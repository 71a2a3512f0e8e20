"""Features of a document picture for the difficulty rater: connected components of ink, their sizes, and how often rows
and columns change.

Uses numpy only: runs of ink are joined to the runs they touch in the next row, and labels spread along these joins.
"""

import numpy as np

MASKS = (25, 70, 130)
"""Distance from the background colour from which a pixel counts as ink: for faint rules, shapes, strong strokes."""
HEIGHTS = (1, 3, 5, 7, 9, 12, 16, 22, 32, 64)
"""Bounds of the components' heights in pixels."""


def features(pixels: np.ndarray) -> np.ndarray:
    """A fixed number of features of a picture H×W×3, each the logarithm of a count relative to the square root of the
    area.
    """
    height, width, _ = pixels.shape
    away = distance(pixels)
    found = [_euler(away > level, ways) for level in MASKS for ways in (4, 8)]
    for level in MASKS:
        ink = away > level
        found += [
            np.count_nonzero(ink[:, 1:] != ink[:, :-1]) / 10,
            np.count_nonzero(ink[1:] != ink[:-1]) / 10,
            ink.sum() / 100,
        ]
    for level in MASKS[1:]:
        found += _sizes(pieces(away > level))
    side = np.sqrt(height * width)
    counts = np.log(np.maximum(np.array(found), 0) / side + 0.01)
    return np.concatenate([counts, [np.log(side / 512), np.log(width / height)]]).astype(np.float32)


def distance(pixels: np.ndarray) -> np.ndarray:
    """Distance of each pixel from the most common colour, in the channel where it is largest."""
    coarse = (
        (pixels[..., 0].astype(np.int32) >> 3 << 10)
        | (pixels[..., 1].astype(np.int32) >> 3 << 5)
        | (pixels[..., 2] >> 3)
    )
    most = np.bincount(coarse.ravel(), minlength=1 << 15).argmax()
    background = np.median(pixels[coarse == most], axis=0)
    return np.abs(pixels.astype(np.int16) - background.astype(np.int16)).max(axis=2)


def pieces(ink: np.ndarray) -> np.ndarray:
    """Connected components of a mask: a row of width, height and area for each."""
    rows, starts, ends = _runs(ink)
    if not len(rows):
        return np.zeros((0, 3), np.int64)
    labels = _joined(rows, starts, ends, ink.shape[1] + 2)
    _, number = np.unique(labels, return_inverse=True)
    count = number.max() + 1
    edges = {
        name: np.full(count, start)
        for name, start in (("left", 1 << 30), ("right", 0), ("top", 1 << 30), ("bottom", 0))
    }
    np.minimum.at(edges["left"], number, starts)
    np.maximum.at(edges["right"], number, ends)
    np.minimum.at(edges["top"], number, rows)
    np.maximum.at(edges["bottom"], number, rows + 1)
    area = np.bincount(number, ends - starts, count)
    return np.stack([edges["right"] - edges["left"], edges["bottom"] - edges["top"], area.astype(np.int64)], axis=1)


def _runs(ink: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, first column and end of every run of ink, in reading order."""
    step = np.diff(np.pad(ink, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(step == 1)
    return rows, starts, np.nonzero(step == -1)[1]


def _joined(rows: np.ndarray, starts: np.ndarray, ends: np.ndarray, stride: int) -> np.ndarray:
    """A label for each run: the smallest number among the runs it is connected to, diagonals included."""
    first = np.searchsorted(rows * stride + ends, (rows + 1) * stride + starts, "left")
    last = np.searchsorted(rows * stride + starts, (rows + 1) * stride + ends, "right")
    touching = np.maximum(last - first, 0)
    one = np.repeat(np.arange(len(rows)), touching)
    other = np.arange(len(one)) - np.repeat(np.cumsum(touching) - touching, touching) + np.repeat(first, touching)
    labels = np.arange(len(rows))
    while True:
        here, there = labels[one], labels[other]
        if not (apart := here != there).any():
            return labels
        np.minimum.at(labels, np.maximum(here, there)[apart], np.minimum(here, there)[apart])
        while (labels[labels] != labels).any():
            labels = labels[labels]


def _sizes(found: np.ndarray) -> list[float]:
    """By height: the number of components, and how many letters would fit side by side in them."""
    width, height, _ = found.T
    at = np.searchsorted(HEIGHTS, height, "right")
    letters = np.clip(width / np.maximum(height, 1), 0.5, 20)
    narrow = width <= 3 * height
    return [
        *np.bincount(at[narrow], minlength=len(HEIGHTS) + 1),
        *np.bincount(at[~narrow], minlength=len(HEIGHTS) + 1),
        *np.bincount(at, letters, len(HEIGHTS) + 1),
    ]


def _euler(ink: np.ndarray, ways: int) -> float:
    """Number of components minus holes, by Gray's patterns of two by two pixels; with connectivity 4 or 8."""
    padded = np.pad(ink, 1)
    corners = [padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]]
    count = sum(corner.astype(np.int8) for corner in corners)
    slanted = np.count_nonzero((count == 2) & (corners[0] == corners[3]))
    return (np.count_nonzero(count == 1) - np.count_nonzero(count == 3) + (2 if ways == 4 else -2) * slanted) / 4
