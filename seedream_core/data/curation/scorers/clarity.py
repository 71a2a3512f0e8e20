"""Scorer of sharpness and noise: sharpness of the sharpest edges, and amount of noise in the picture (Seedream 2.0
names the blur check; the method is ours).

Blur: the picture is blurred a little (variance 1) and more (variance 4); where an edge was blurred by sigma, the ratio
of its squared slopes is (sigma² + 4) / (sigma² + 1), whatever its contrast, so sigma follows (re-blurring: Zhuo and
Sim, 2011). It is read block by block, and the picture's is that of its sharpest blocks: a sharp subject before a
blurred ground is sharp. Noise: what the finest diagonal wavelets hold beyond what they would in a picture without
noise, judged by the next coarser ones, which are as strong under white noise and over twice as strong in photographs.
The quieter blocks decide: noise is everywhere, fine foliage is not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers import Score, Scorer

WORK = 256  # pixels of the shorter side, at least, at which blur is read
BLOCK = 16
# What passes for sharp, in pixels as read here (a straight edge reads 0.3 when drawn sharp, 0.9 after 1.5 and 3.0 after
# 4 pixels of blur; texture less): LIMIT at 64 pixels, 1.25 at 256, 1.6 at 512.
LIMIT, GROWTH = 0.75, 0.37
SHARPEST = 1 / 16  # of the blocks that have an edge; at least the second sharpest, as one may be chance
FAINT = 0.1  # of the strongest block's squared slope: in fainter blocks JPEG's own edges count
NOISE_MARGIN = 16  # times the squared slope of noise: below, an edge's ratio is too uncertain
STEPS = 0.25  # squared slope per pixel: below, the steps between whole levels look like edges
FINEST = 0.42  # the finest wavelets over the next in clean photographs: 0.2 to 0.45 in 14 of scikit-image's
QUIET = 0.4  # of the blocks; less would be those that black or white cuts the noise off in
LEFT = (0.05981, 0.004161)  # of the variance of white noise, in the squared slopes after the first and the second blur


@dataclass(frozen=True, kw_only=True)
class ClarityScorer(Scorer):
    gives: ClassVar[tuple[str, ...]] = ("sharpness", "noise")

    def start(self, models: Mapping[str, Path]) -> Score:
        return note


def note(views: Sequence[LazySample]) -> None:
    for view in views:
        found = planes(view.pixels)
        levels = [noise(np.asarray(values)) for values in found]
        sigma = min(blur(values, level) for values, level in zip(found, levels, strict=True))
        view.scores["noise"] = round(min(1.0, levels[0] / 255), 4)
        view.scores["sharpness"] = round(1 / (1 + (sigma / limit(found[0])) ** 2), 4)


def limit(picture: Image.Image) -> float:
    """The sigma in pixels that gives a sharpness of 0.5."""
    return LIMIT * (min(picture.size) / 64) ** GROWTH


def planes(pixels: np.ndarray) -> list[Image.Image]:
    """The brightness, and a colour plane if it differs more than twice as much: cyan on gray differs only in red."""
    picture = Image.fromarray(pixels)
    gray = picture.convert("L")
    step = max(1, min(pixels.shape[:2]) // 64)
    spreads = np.ascontiguousarray(pixels[::step, ::step].transpose(2, 0, 1)).reshape(3, -1).std(1)
    widest = int(spreads.argmax())
    return (
        [gray, picture.getchannel(widest)] if spreads[widest] > 2 * np.asarray(gray)[::step, ::step].std() else [gray]
    )


def noise(values: np.ndarray) -> float:
    """Standard deviation of white noise, in levels of 255; for large pictures from evenly spread blocks."""
    rows, columns = (side // BLOCK for side in values.shape)
    if not rows or not columns:
        return 0.0
    tiles = values[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    step = max(1, min(rows, columns) * BLOCK // WORK)
    fine = tiles[::step, :, ::step].astype(np.float32)
    fine = fine.reshape(fine.shape[0] * BLOCK, -1)
    coarse = (
        fine[::2, ::2] + fine[1::2, ::2] + fine[::2, 1::2] + fine[1::2, 1::2]
    ) / 2  # as strong as before in white noise
    excess = (_diagonal(fine, BLOCK // 2) ** 2 - FINEST**2 * _diagonal(coarse, BLOCK // 4) ** 2) / (1 - FINEST**2)
    return float(np.sqrt(max(0.0, np.quantile(excess, QUIET))))


def _diagonal(values: np.ndarray, block: int) -> np.ndarray:
    """Standard deviation of the diagonal Haar wavelets in each block, by the mean absolute value of a Gaussian."""
    sizes = np.abs(values[::2, ::2] - values[1::2, ::2] - values[::2, 1::2] + values[1::2, 1::2]) / 2
    return _blocks(sizes, block) * np.sqrt(np.pi / 2)


def _blocks(values: np.ndarray, block: int) -> np.ndarray:
    """The mean of each whole block."""
    rows, columns = (side // block for side in values.shape)
    lines = (
        values[: rows * block, : columns * block].reshape(rows, block, -1).sum(1)
    )  # in two steps: numpy is slow over both axes
    return lines.reshape(rows, columns, block).sum(2) / block**2


def blur(picture: Image.Image, level: float = 0.0) -> float:
    """Sigma of the Gaussian by which the sharpest parts seem blurred, in pixels; infinite if there are no edges."""
    # Reduced to save time, but not so far that a sharp edge (0.3 of the smaller pixels) comes near the limit.
    factor = max(1, min(min(picture.size) // WORK, int(limit(picture) / 0.6)))
    values = np.asarray(picture.reduce(factor)).astype(np.float32)
    if min(values.shape) < 2 * BLOCK:
        return 0.0
    noise = max((level / factor) ** 2, 1 / 12)  # whole levels are noise too
    values = np.pad(values, (5, 6), "symmetric")  # what the blurs and slopes below take away
    first = _smooth(values, 4, 1)
    second = _smooth(first, 3, 2)
    fine, coarse = _slopes(first), _slopes(second)
    rest = (len(fine) - len(coarse)) // 2
    fine = fine[rest:-rest, rest:-rest]
    # Weighted by the coarse slopes: what counts in a block is its strongest edge.
    weight = _blocks(coarse, BLOCK)
    upper = _blocks(fine * coarse, BLOCK) - LEFT[0] * noise * weight
    lower = _blocks(coarse * coarse, BLOCK) - LEFT[1] * noise * weight
    strong = lower / np.maximum(weight, 1e-9)
    edges = strong > max(FAINT * strong.max(), NOISE_MARGIN * LEFT[1] * noise, STEPS)
    if not edges.any():
        return float("inf")
    ratios = np.sort(upper[edges] / lower[edges])[::-1]
    return factor * _sigma(float(ratios[min(len(ratios) - 1, max(1, int(len(ratios) * SHARPEST)))]))


def _smooth(values: np.ndarray, times: int, apart: int) -> np.ndarray:
    """Averages every pixel with the one `apart`, in both directions, `times` times: a variance of apart² times / 4."""
    for _ in range(times):
        values = values[apart:] + values[:-apart]
        values = values[:, apart:] + values[:, :-apart]
    return values / 4**times


def _slopes(values: np.ndarray) -> np.ndarray:
    """Squared."""
    across, down = values[:-1, 1:] - values[:-1, :-1], values[1:, :-1] - values[:-1, :-1]
    return across * across + down * down


def _sigma(ratio: float) -> float:
    """Of the blur that gives a straight edge this ratio of slopes, weighted by the coarse ones (v the variance after
    the first blur):

    ratio² = 2 (v + 3)² / (v (2v + 3)).
    """
    square = max(ratio, 1.0005) ** 2
    a, b = 2 * square - 2, 3 * square - 12
    return float(np.sqrt(max(0.0, (np.sqrt(b * b + 72 * a) - b) / (2 * a) - 1)))
