"""Aligns pairs of small pictures (crop, scale, shift, brightness at once) and measures the residual, to verify near
duplicates.

Gauss-Newton from coarse to fine (Lucas and Kanade 1981; Baker and Matthews 2004), many pairs at a time. A pair's result
does not depend on the others. A picture that is moved along straight axes is two small matrices around it, so all of it
is products of matrices: 0.2 ms a pair of 32×32 on one core.

The second picture is taken for `gain · first(scale · place + shift) + offset`, places from -1 to 1. The scale must be
what a crop gives: one picture lies inside the other.
"""

from dataclasses import dataclass

import numpy as np

SMOOTHING = 0.8
"""Gaussian blur, in pixels: changes of single pixels by encoders and resizing filters are not compared."""
LEVELS = 3
STEPS = ((4, 3), (3,), (2,))
"""Steps at each level, the coarsest first; gradients are computed again for each group of steps."""
SPREAD = (0.05, 0.05, 0.05, 0.1, 0.1)
"""Expected size of scale, both shifts, gain and offset (prior)."""
NOISE = 0.03
GAIN, OFFSET = 0.2, 0.13
"""Largest change of brightness: times 0.8 to 1.25, plus or minus 33 of 255."""
END = 0.015
"""Pixel values this close to black or white may have been clipped; under a change of brightness"""
CUT = 0.15
"""of this size they are ignored."""
TURN = 0.04
"""Tolerance of the aspect ratio given by the sides, on a logarithmic scale: rounding changes a side of 32 pixels by 3%.
"""
WINDOW = 7
"""Side of the window in which residuals are averaged: a difference of two objects remains, a difference at an edge does
not."""
PIXEL = 0.3
"""Weight of a single pixel beside the window: without it 3.2% of scenes with one changed shape passed, with it 0.2%."""
FAINT = 0.02
"""Added to the contrast, so that the noise of a nearly uniform picture does not count as content."""


@dataclass(frozen=True)
class Alignment:
    """Transforms that place the second picture of each pair over its first: one array over pairs per field."""

    scale: np.ndarray
    """Logarithm of the scale; below 0 the second picture shows a part of the first."""
    stretch: np.ndarray
    """Added to the horizontal scale, subtracted from the vertical one."""
    across: np.ndarray
    down: np.ndarray
    gain: np.ndarray
    offset: np.ndarray


def prepare(pictures: np.ndarray) -> np.ndarray:
    """Converts N×S×S×3 uint8 to smoothed planes N×3×S×S in [0, 1] for comparison."""
    planes = pictures.transpose(0, 3, 1, 2).astype(np.float32) / 255
    steps = np.arange(planes.shape[-1])
    kernel = np.exp(-0.5 * ((steps[:, None] - steps) / SMOOTHING) ** 2).astype(np.float32)
    kernel /= kernel.sum(1, keepdims=True)
    return kernel @ planes @ kernel.T


def lay(
    first: np.ndarray, second: np.ndarray, stretch: np.ndarray, doubt: np.ndarray, crop: float, shift: float
) -> Alignment:
    """Aligns each second picture to its first (B×3×S×S both).

    `stretch` is the change of aspect that the pictures' sides imply, `doubt` its uncertainty; at most `crop` of a side
    lies beyond one edge, and at most `shift` of it lies outside the other picture.
    """
    p = np.zeros((len(first), 6), np.float32)
    p[:, 1], p[:, 4] = stretch, 1
    likely, spread = p.copy(), np.insert(np.tile(np.float32(SPREAD), (len(p), 1)), 1, doubt, axis=1)
    pairs = [(first, second)]
    for _ in range(LEVELS - 1):
        pairs.insert(0, (_half(pairs[0][0]), _half(pairs[0][1])))
    for (one, other), groups in zip(pairs, STEPS, strict=True):
        weight = NOISE**2 * one.shape[-1] / spread**2  # residuals of one line are correlated
        for steps in groups:
            slopes = None
            for _ in range(steps):
                moved, inside = _move(one, p)
                wanted = p[:, 4, None, None, None] * moved + p[:, 5, None, None, None]
                counts = (inside & ~_cut_off(moved, other)).astype(np.float32)
                if slopes is None:
                    slopes = _slopes(moved, counts, p)
                    matrix = slopes @ slopes.transpose(0, 2, 1)
                    matrix[:, range(6), range(6)] += weight
                left = ((other - wanted) * counts).reshape(len(p), -1, 1)
                pull = (slopes @ left)[..., 0] + weight * (likely - p)
                p = _limit(p + np.linalg.solve(matrix, pull[..., None])[..., 0], stretch, crop, shift)
    return Alignment(*p.T)


def residual(first: np.ndarray, second: np.ndarray, laid: Alignment) -> np.ndarray:
    """Largest remaining colour difference, as a share of the contrast of the picture that has more."""
    p = np.stack(list(vars(laid).values()), 1)
    moved, inside = _move(first, p, 1)
    wanted = np.clip(p[:, 4, None, None, None] * moved + p[:, 5, None, None, None], 0, 1)
    steps = np.arange(first.shape[-1])
    window = (np.abs(steps[:, None] - steps) <= WINDOW // 2).astype(np.float32)
    window /= window.sum(1, keepdims=True)
    left = second - wanted
    # A clipped value in the first picture was white or brighter, black or darker.
    left = np.where(moved > 1 - END, np.minimum(left, 0), np.where(moved < END, np.maximum(left, 0), left))
    # At the edges smoothing saw other neighbours: with edges included, the 99th percentile of cropped photographs was
    # 0.18, not 0.04.
    inside[:, :, [0, -1]] = inside[..., [0, -1]] = False
    left *= inside
    local, single = (np.sqrt((part**2).mean(1)).max((1, 2)) for part in (window @ left @ window.T, left))
    return np.maximum(local, PIXEL * single) / (np.maximum(contrast(wanted), contrast(second)) + FAINT)


def contrast(planes: np.ndarray) -> np.ndarray:
    """Root mean squared distance from a picture's mean colour."""
    return np.sqrt(((planes - planes.mean((2, 3), keepdims=True)) ** 2).mean((1, 2, 3)))


def _half(planes: np.ndarray) -> np.ndarray:
    lines = planes[..., ::2, :] + planes[..., 1::2, :]
    return (lines[..., ::2] + lines[..., 1::2]) / 4


def _places(side: int) -> np.ndarray:
    return (np.arange(side, dtype=np.float32) + 0.5) * 2 / side - 1


def _move(planes: np.ndarray, p: np.ndarray, margin: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The pictures under the transforms, and B×1×S×S: whether a pixel lies inside, `margin` pixels from the edge."""
    side = planes.shape[-1]
    (columns, across), (rows, down) = (
        _line(side, p[:, 0] + sign * p[:, 1], p[:, place], margin) for sign, place in ((1, 2), (-1, 3))
    )
    return rows[:, None] @ planes @ columns.transpose(0, 2, 1)[:, None], (down[:, :, None] & across[:, None])[:, None]


def _line(side: int, scale: np.ndarray, shift: np.ndarray, margin: int) -> tuple[np.ndarray, np.ndarray]:
    """B×S×S: weights of the old pixels in each new pixel of a line (Catmull-Rom cubic), and whether the new pixel lies
    inside.
    """
    places = np.exp(scale)[:, None] * _places(side) + shift[:, None]
    spots = np.clip((places + 1) * (side / 2) - 0.5, 0, side - 1)
    far = np.abs(spots[:, :, None] - np.arange(side, dtype=np.float32))
    near = np.where(
        far < 1, (1.5 * far - 2.5) * far * far + 1, np.where(far < 2, ((2.5 - 0.5 * far) * far - 4) * far + 2, 0)
    )
    return near / near.sum(-1, keepdims=True), np.abs(places) <= 1 - 2 * margin / side


def _slopes(moved: np.ndarray, counts: np.ndarray, p: np.ndarray) -> np.ndarray:
    """B×6×(3·S·S): derivative of the picture by each parameter."""
    count, side = len(moved), moved.shape[-1]
    across, down = np.empty_like(moved), np.empty_like(moved)
    across[..., 1:-1] = (moved[..., 2:] - moved[..., :-2]) * (side / 4)
    down[:, :, 1:-1] = (moved[:, :, 2:] - moved[:, :, :-2]) * (side / 4)
    across[..., [0, -1]], down[:, :, [0, -1]] = across[..., [1, -2]], down[:, :, [1, -2]]
    strength, line = p[:, 4, None, None, None] * counts, _places(side)
    across, down = across * strength, down * strength
    wide, high = across * line, down * line[:, None]
    return np.stack([wide + high, wide - high, across, down, moved * counts, counts], 1).reshape(count, 6, -1)


def _cut_off(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    low, high = np.minimum(one, other), np.maximum(one, other)
    return (high > 1 - END) & (low > 1 - CUT) | (low < END) & (high < CUT)


def _limit(p: np.ndarray, stretch: np.ndarray, crop: float, shift: float) -> np.ndarray:
    most = -np.log(1 - 2 * crop)
    p[:, 0] = np.clip(p[:, 0], -most, most)
    p[:, 1] = np.clip(p[:, 1], stretch - TURN, stretch + TURN)
    for sign, place in ((1, 2), (-1, 3)):
        cut = np.abs(np.exp(p[:, 0] + sign * p[:, 1]) - 1)  # of both edges
        room = np.minimum(cut, np.maximum(2 * crop - cut, 0)) + 2 * shift
        p[:, place] = np.clip(p[:, place], -room, room)
    p[:, 4] = np.clip(p[:, 4], 1 - GAIN, 1 / (1 - GAIN))
    p[:, 5] = np.clip(p[:, 5], -OFFSET, OFFSET)
    return p
