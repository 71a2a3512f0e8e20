"""Scorer of meaningless texture: white noise, one repeated tile, or only a smooth ramp (named by Seedream 2.0; the
method is ours).

The score is the greatest of three:
- grain: what is gone of the contrast once the picture is halved; all of it but a quarter in white noise;
- repetition: how like the picture is to itself, moved by at most a quarter of its side and unlike it half way there, in
  every quarter; seen reduced and, for fine patterns, in four cut-outs at full size;
- ramp: how little remains beside a curved ramp of brightness.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers import Score, Scorer

CUT = 64  # side of a crop
SMALL = 96  # minimum side of the reduced picture
UNLIKE = 0.5  # largest similarity at half the shift: above it, similarity is only smoothness
RAMP = 3.0  # deviation from the ramp, in levels of brightness, at which the score is halved
LEAST = 0.5  # variance in levels below which there is no content to compare


@dataclass(frozen=True, kw_only=True)
class TextureScorer(Scorer):
    gives: ClassVar[tuple[str, ...]] = ("texture",)

    def start(self, models: Mapping[str, Path]) -> Score:
        return note


def note(views: Sequence[LazySample]) -> None:
    for view in views:
        view.scores["texture"] = round(texture(view.pixels), 4)


def texture(pixels: np.ndarray) -> float:
    picture = Image.fromarray(pixels)
    side = min(picture.size)
    if side < CUT:
        return 0.0
    gray = picture.convert("L")
    whole = np.asarray(gray)
    found = [
        grain(whole),
        ramp(np.asarray(picture.reduce(side // CUT))),
        repetition(np.asarray(gray.reduce(max(1, side // SMALL)))[None]),
    ]
    if side >= 2 * SMALL:
        found.append(repetition(cuts(whole)))
    return max(found)


def grain(values: np.ndarray) -> float:
    """1 for white noise, 0 if halving the picture removes no contrast."""
    height, width = (side // 2 * 2 for side in values.shape)
    fine = values[:height, :width].astype(np.float32)
    variance = float(fine.var())
    if variance < LEAST:
        return 0.0
    halved = (fine[::2, ::2] + fine[1::2, ::2] + fine[::2, 1::2] + fine[1::2, 1::2]) / 4
    return min(1.0, max(0.0, (1 - float(halved.var()) / variance) / 0.75))


def ramp(pixels: np.ndarray) -> float:
    """1 if each channel is a polynomial of second degree."""
    rows, columns = (np.arange(CUT) * length // CUT for length in pixels.shape[:2])
    points = pixels[rows[:, None], columns].reshape(-1, 3).astype(np.float32)
    basis = _ramps()
    rest = points - basis @ (basis.T @ points)
    return 1 / (1 + float(rest.var(0).mean()) / RAMP**2)


@lru_cache
def _ramps() -> np.ndarray:
    line = np.linspace(-1, 1, CUT, dtype=np.float32)
    x, y = (axis.ravel() for axis in np.meshgrid(line, line))
    return np.linalg.qr(np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1))[0]


def cuts(values: np.ndarray) -> np.ndarray:
    """Four crops at full size, in the middle of the quarters."""
    height, width = values.shape
    places = [(height * row // 4 - CUT // 2, width * column // 4 - CUT // 2) for row in (1, 3) for column in (1, 3)]
    return np.stack([values[top : top + CUT, left : left + CUT] for top, left in places]).astype(np.float32)


def repetition(values: np.ndarray) -> float:
    """Repetition of N×H×W crops: at the shift of greatest similarity, the similarity of the least similar quarter."""
    pieces = values.astype(np.float32)
    pieces = pieces[:, 1:, 1:] - pieces[:, :-1, :-1]  # so that only the outline of large plain areas counts
    if pieces.var() < LEAST:
        return 0.0
    _, height, width = pieces.shape
    far = (min(height, width) + 1) // 4
    half = np.arange(far + 1) // 2
    found = []
    for turned, alike in zip((pieces, pieces[:, :, ::-1]), likeness(pieces, far), strict=True):
        alike[alike[half[:, None], half] >= UNLIKE] = 0
        down, right = (int(place) for place in np.unravel_index(alike.argmax(), alike.shape))
        found.append(
            min(float(alike.max()), _least(turned[:, : height - down, : width - right], turned[:, down:, right:]))
        )
    return max(found)


def likeness(pieces: np.ndarray, far: int) -> list[np.ndarray]:
    """2 ab / (a² + b²) of the crops a and their shifted copies b, summed over the overlap, for all shifts up to `far`.

    Once for shifts down and right, once for down and left.
    """
    _, height, width = pieces.shape
    size = [
        -(-(side + far) // 32) * 32 for side in (height, width)
    ]  # 127 + 32 is three times a prime, which doubles the time
    spectrum = np.fft.rfft2(pieces, size)
    products = np.fft.irfft2((spectrum * spectrum.conj()).real.sum(0), size)
    squares = (pieces * pieces).sum(0)
    down, right = np.ogrid[: far + 1, : far + 1]
    found = []
    for sums, across in ((squares, right), (squares[:, ::-1], -right)):
        total = np.zeros((height + 1, width + 1))
        total[1:, 1:] = sums.cumsum(0, dtype=np.float64).cumsum(1)
        still = total[height - down, width - right]
        moved = total[height, width] - total[down, width] - total[height, right] + total[down, right]
        found.append(2 * products[down, across] / np.maximum(still + moved, 1e-9))
    return found


def _least(still: np.ndarray, moved: np.ndarray) -> float:
    """Similarity of the least similar quarter of a crop."""
    _, height, width = still.shape
    rows, columns = (slice(0, height // 2), slice(height // 2, None)), (slice(0, width // 2), slice(width // 2, None))
    quarters = [(still[:, row, column], moved[:, row, column]) for row in rows for column in columns]
    return min(
        float((2 * (a * b).sum((1, 2)) / np.maximum((a * a + b * b).sum((1, 2)), 1e-9)).min()) for a, b in quarters
    )
