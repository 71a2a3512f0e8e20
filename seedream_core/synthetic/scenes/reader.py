"""Reads a picture back into background, objects and relations, by image analysis alone: the judge of scene accuracy.

It finds flat regions on a flat background, fits each of the six shapes to every region, and draws the result again.
Pixels that this drawing does not explain (half an object, a ghost, two merged objects) are a problem, and a picture
with a problem is not readable. Blur and slight shifts of colour, as an autoencoder leaves them, are not problems.

Outlines may deviate, so the drawing alone would accept a small hole as a dent. A hole or speck is surrounded by the
object's colour and a dent is not; enclosed pixels are therefore measured separately, whatever shape was fitted.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from seedream_core.synthetic.scenes.regions import regions
from seedream_core.synthetic.scenes.render import area, coverage, table
from seedream_core.synthetic.scenes.world import BACKGROUNDS, COLORS, EXTENTS, SMALLEST, Object, relation

READING_SIDE = 64  # larger pictures are averaged down to a shorter side of 64 to 127 pixels
BACKGROUND_NEAR = 30.0  # RGB distance of a pixel that counts as background
BACKGROUND_SHIFT = 18.0  # shift of the whole background; beige and pink are 39 apart
BACKGROUND_SHARE = 0.35  # share of the picture; four of the largest squares leave 0.48
FOREGROUND = 45.0  # the weakest contrast, orange on pink, is 117
COLOR_SHIFT = 42.0  # orange and yellow are 71 apart
WORST_FIT = 0.75  # soft overlap with the fitted shape
MARGIN_OF_SHAPE = 0.01  # lead of the best shape's fit over the next one
SOFTEST = 4  # smoothings of the fitted shape, for edges that a decoder left soft
UNEXPLAINED = 40.0  # mean RGB distance to the drawing over 5×5 pixels, anywhere
UNEXPLAINED_SHARE = 0.17  # around an object, as a share of its contrast: ringing grows with it
# Outlines may deviate like hand-drawn ones, by a share of the object's size; one pixel is 0.2 of 5×5. With 0.17 at
# every size the judge refused 62% of renders whose outlines were bent by 0.7 pixels, the large ones first.
WANDER = 0.08 / 5
LEAST_WANDER = 0.25
# Mean RGB distance over 3×3 pixels of what an object's colour encloses. Whole objects reach 9 in pictures of the
# packaged model, 6 through blur and noise, 11 through the linear codec and 21 through JPEG at quality 60; holes and
# specks of 3×3 begin at 57 (43 and 21 through blur and noise).
ENCLOSED = 24.0
LEAST_SIZE = 0.75 * SMALLEST
EDGE = 4  # pixels around a region that its soft edge may reach into; boxes are 6 apart
LEAST_APART, MOST_SLANT = 0.0, 0.8  # limits for a clear relation of a pair
AXES = (
    (np.s_[:, 1:], np.s_[:, :-1], np.s_[:, 0], np.s_[:, -1]),
    (np.s_[:, :, 1:], np.s_[:, :, :-1], np.s_[:, :, 0], np.s_[:, :, -1]),
)


@dataclass(frozen=True)
class Reading:
    background: str | None
    objects: tuple[Object, ...]
    problems: tuple[str, ...]
    """Why the picture is not readable; empty for a good one."""
    fits: tuple[float, ...] = ()
    """Soft overlap of each object with its shape."""
    unexplained: float = 0.0
    """The largest unexplained difference, relative to the allowed one."""

    @property
    def relation(self) -> str | None:
        """The relation of the first object to the second, where it is clear."""
        return relation(*self.objects, LEAST_APART, MOST_SLANT) if len(self.objects) == 2 else None


@dataclass(frozen=True)
class ShapeFit:
    """A shape drawn over a region."""

    overlap: float
    shape: str
    x: float
    y: float
    size: float
    drawing: np.ndarray


def read(picture: np.ndarray) -> Reading:
    """Read a picture, uint8 H×W×3."""
    pixels = _reduced(picture).astype(np.float32)
    unit = min(pixels.shape[:2])
    background, ground, problem = _background(pixels)
    if problem:
        return Reading(background, (), (problem,))
    planes = pixels.transpose(2, 0, 1) - ground[:, None, None]
    difference = _smooth(planes)
    distance = np.sqrt((difference**2).sum(0))
    unexplained, allowed = difference.copy(), np.full_like(distance, UNEXPLAINED)
    objects, fits, problems = [], [], []
    foreground = distance > FOREGROUND
    for rows, columns, labels in regions(foreground):
        ink = _ink(difference[:, rows, columns], distance[rows, columns], labels)
        color = _color(ink + ground)
        foreground[rows, columns] ^= labels
        near = _wider(rows, distance.shape[0]), _wider(columns, distance.shape[1])
        others = _smooth(foreground[None, *near].astype(np.float32))[0] > 0
        foreground[rows, columns] ^= labels
        rows, columns = near
        alpha = np.clip(np.tensordot(ink / (ink @ ink), difference[:, rows, columns], 1), 0, 1)
        alpha[others] = 0
        best, next_best = _fits(alpha)[:2]
        contrast = float(np.linalg.norm(ink))
        strict = max(UNEXPLAINED, UNEXPLAINED_SHARE * contrast)
        wander = max(strict, LEAST_WANDER * contrast, WANDER * best.size * contrast)
        left_over = unexplained[:, rows, columns]
        left_over -= ink[:, None, None] * best.drawing
        # Deviations of an outline are more or less of the object's colour; other colours get no such tolerance.
        along = np.where(others, 0, np.tensordot(ink / contrast**2, left_over, 1))
        left_over -= (1 - strict / wander) * ink[:, None, None] * along
        allowed[rows, columns] = np.maximum(allowed[rows, columns], strict)
        if color is None:
            problems.append("an object of no known colour")
        elif best.overlap < WORST_FIT:
            problems.append(f"a {color} object of no known shape")
        elif best.overlap - next_best.overlap < MARGIN_OF_SHAPE:
            problems.append(f"a {color} object between {best.shape} and {next_best.shape}")
        elif best.size < LEAST_SIZE * unit:
            problems.append(f"a {color} {best.shape} too small to count")
        elif _enclosed(planes[:, rows, columns] - ink[:, None, None], contrast) > ENCLOSED:
            problems.append(f"a {color} {best.shape} with a hole or a speck")
        else:
            x, y = (best.x + columns.start) / unit, (best.y + rows.start) / unit
            objects.append(Object(color, best.shape, x, y, best.size / unit))
            fits.append(best.overlap)
    left = float((_mean5(np.sqrt((unexplained**2).sum(0))) / allowed[2:-2, 2:-2]).max())
    if left > 1 and not problems:
        problems.append("something that no object explains")
    return Reading(background, tuple(objects), tuple(problems), tuple(fits), left)


def _reduced(picture: np.ndarray) -> np.ndarray:
    factor = min(picture.shape[:2]) // READING_SIDE
    return np.asarray(Image.fromarray(picture).reduce(factor)) if factor > 1 else picture


def _background(pixels: np.ndarray) -> tuple[str | None, np.ndarray, str | None]:
    """The background's name, its measured colour, and what is wrong with it."""
    names, palette = list(BACKGROUNDS), np.array(list(BACKGROUNDS.values()), np.float32)
    flat = pixels.reshape(-1, 3)
    distance = (flat**2).sum(1)[:, None] - 2 * flat @ palette.T + (palette**2).sum(1)
    near = distance < BACKGROUND_NEAR**2
    best = int(np.bincount(distance.argmin(1), near.any(1), len(names)).argmax())
    if near[:, best].sum() < BACKGROUND_SHARE * len(flat):
        return None, palette[best], "no plain background"
    ground = flat[near[:, best]].mean(0)
    if np.linalg.norm(ground - palette[best]) > BACKGROUND_SHIFT:
        return None, ground, f"the background is not quite {names[best]}"
    return names[best], ground, None


def _ink(difference: np.ndarray, distance: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The difference of the region's core from the background's colour."""
    contrasts = np.sort(distance[labels])
    core = labels & (distance > 0.85 * contrasts[int(0.9 * len(contrasts))])
    return difference[:, core].mean(1)


def _color(ink: np.ndarray) -> str | None:
    shifts = {name: float(np.linalg.norm(ink - np.array(color))) for name, color in COLORS.items()}
    nearest = min(shifts, key=shifts.get)
    return nearest if shifts[nearest] < COLOR_SHIFT else None


def _fits(alpha: np.ndarray) -> list[ShapeFit]:
    """Each shape with the region's area and centre of mass and the softness that fits best; the best overlap first."""
    height, width = alpha.shape
    mass = float(alpha.sum())
    x = float(alpha.sum(0) @ (np.arange(width) + 0.5)) / mass
    y = float(alpha.sum(1) @ (np.arange(height) + 0.5)) / mass
    sizes = {shape: (mass / area(shape)) ** 0.5 for shape in EXTENTS}
    middles = {shape: y - sizes[shape] * _lean(shape) for shape in EXTENTS}
    drawings = [coverage(shape, x, middles[shape], sizes[shape], range(width), range(height)) for shape in EXTENTS]
    softened, overlaps = [np.stack(drawings).astype(np.float32)], []
    for _ in range(SOFTEST):
        soft = _smooth(softened[-1])
        softened.append(soft)
        shared = np.minimum(alpha, soft).sum((1, 2))
        overlaps.append(shared / (mass + soft.sum((1, 2)) - shared))
    steps = np.argmax(overlaps, axis=0)
    fits = [
        ShapeFit(float(overlaps[step][i]), shape, x, middles[shape], sizes[shape], softened[step + 1][i])
        for i, (shape, step) in enumerate(zip(EXTENTS, steps, strict=True))
    ]
    return sorted(fits, key=lambda fit: -fit.overlap)


@lru_cache
def _lean(shape: str) -> float:
    """Distance of the centre of mass below the box's centre at size 1."""
    lines = np.diff(table(shape, 512)[:, -1])
    return float(lines @ (np.arange(512) / 511 - 0.5) / lines.sum()) * EXTENTS[shape][1]


def _enclosed(foreign: np.ndarray, contrast: float) -> float:
    """RGB distance of enclosed pixels from the object's colour: the largest mean over 3×3 pixels.

    `foreign` is 3×H×W, each pixel's difference from the object's colour. A pixel counts by how far its distance
    rises over the best path to the window's edge (morphological reconstruction, Vincent 1993; steps to the four sides).
    """
    distance = np.pad(np.minimum(np.sqrt((foreign**2).sum(0)), contrast), 1, "edge")
    reached = distance.copy()
    reached[1:-1, 1:-1] = 0
    while True:
        spread = reached.copy()
        for to, source in (((1, None), (0, -1)), ((0, -1), (1, None))):
            to, source = slice(*to), slice(*source)
            spread[to] = np.maximum(spread[to], reached[source])
            spread[:, to] = np.maximum(spread[:, to], reached[:, source])
        spread = np.minimum(spread, distance)
        if np.array_equal(spread, reached):
            break
        reached = spread
    risen = distance - reached
    height, width = risen.shape
    return (
        max(0.0, float(sum(risen[i : height - 2 + i, j : width - 2 + j] for i in range(3) for j in range(3)).max())) / 9
    )


def _wider(window: slice, end: int) -> slice:
    """The window, enlarged by the object's soft edge."""
    return slice(max(0, window.start - EDGE), min(end, window.stop + EDGE))


def _smooth(planes: np.ndarray) -> np.ndarray:
    """Binomial 3×3 filter over each plane, against noise."""
    for forward, backward, first, last in AXES:
        lines = 2 * planes
        lines[forward] += planes[backward]
        lines[backward] += planes[forward]
        lines[first] += planes[first]
        lines[last] += planes[last]
        planes = lines
    return planes / 16


def _mean5(values: np.ndarray) -> np.ndarray:
    """Means of all 5×5 windows."""
    sums = np.pad(values, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    return (sums[5:, 5:] - sums[:-5, 5:] - sums[5:, :-5] + sums[:-5, :-5]) / 25
