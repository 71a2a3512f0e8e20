"""Plants one to three defects on a clean picture, deterministic from (seed, index), and returns their boxes.

A defect that would be invisible (white ink on white, a mosaic of a plain area) is drawn again, in the end as a sticker.
A defect that would overlap an earlier one is also drawn again, as long as there is another place.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seedream_core.data.images.masks import union
from seedream_core.randomness import Rng
from seedream_core.synthetic.defects import Box, Defect

KINDS = ("logo", "mosaic", "sticker", "subtitle", "watermark")
COUNTS = {"1": 0.65, "2": 0.25, "3": 0.1}
TRIES = 6
VISIBLE = 16  # levels of 255 that a pixel must change by to be seen
SHARE = 0.04  # share of a box that must have changed visibly,
EXTENT = 0.6  # and share of the box's extent that the visible part must span
LOUD = 1.0  # ink must change the pixels by this many deviations of the ground: faint ink on grass is invisible


@dataclass(frozen=True)
class Planted:
    """A picture with defects, and their boxes in the form of a sample's record."""

    pixels: np.ndarray
    boxes: tuple[dict, ...]

    @property
    def area(self) -> float:
        """Share of the picture under the union of the boxes."""
        return union([box["box"] for box in self.boxes])


def plant(
    pixels: np.ndarray, seed: int | str, index: int, *, clean: float = 0.0, kinds: Sequence[str] = KINDS
) -> Planted:
    """Plant defects of these kinds on H×W×3 uint8; a `clean` share of the indices stays unchanged."""
    draw = Rng("defects", seed, index)
    if draw.uniform(0, 1) < clean:
        return Planted(pixels, ())
    height, width = pixels.shape[:2]
    boxes, taken = [], []
    for _ in range(int(draw.weighted(COUNTS))):
        pixels, kind, found = _one(pixels, draw, draw.choice(tuple(kinds)), taken)
        taken += found
        shares = [(box[0] / width, box[1] / height, box[2] / width, box[3] / height) for box in found]
        boxes += [{"kind": kind, "box": [round(side, 5) for side in box], "score": 1.0} for box in shares]
    return Planted(pixels, tuple(boxes))


def _one(pixels: np.ndarray, draw: Rng, kind: str, taken: list[Box]) -> tuple[np.ndarray, str, list[Box]]:
    for attempt in range(3 * TRIES):
        chosen = kind if attempt < 2 * TRIES else "sticker"
        out, boxes = Defect.find(chosen)()(pixels, draw)
        apart = attempt >= TRIES or not any(_meet(box, other) for box in boxes for other in taken)
        if boxes and apart and all(_seen(pixels, out, box, chosen) for box in boxes):
            return out, chosen, boxes
    return out, chosen, boxes


def _meet(first: Box, second: Box) -> bool:
    return max(first[0], second[0]) < min(first[2], second[2]) and max(first[1], second[1]) < min(first[3], second[3])


def _seen(before: np.ndarray, after: np.ndarray, box: Box, kind: str) -> bool:
    left, top, right, bottom = box
    before, after = before[top:bottom, left:right], after[top:bottom, left:right]
    change = (np.maximum(before, after) - np.minimum(before, after)).max(2)
    seen = change >= VISIBLE
    if seen.mean() < SHARE:
        return False
    rows, columns = (np.nonzero(seen.any(axis))[0] for axis in (1, 0))
    if int(np.ptp(rows) + 1) * int(np.ptp(columns) + 1) < EXTENT * seen.size:
        return False
    # a mosaic is visible by the detail that it removed
    return kind == "mosaic" or float(change[seen].mean()) >= LOUD * float(before.std((0, 1)).mean())
