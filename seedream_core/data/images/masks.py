"""Turns defect boxes into masks on the latent grid, for defect-aware training (Seedream 3.0; union and dilation are
inferred).

A box is `[left, top, right, bottom]` in shares of the picture's sides, as in records.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from seedream_core.errors import DataError

DEFECTS = ("logo", "mosaic", "sticker", "subtitle", "watermark")
"""Kinds of box that are masked; a box without a kind is masked too."""
EDGE = 1e-5  # of a side: rounding in a record must not make a box touch one position more


def union(boxes: Iterable[Sequence[float]]) -> float:
    """Share of the picture that boxes cover together; parts outside the picture do not count."""
    sides = np.asarray([tuple(box) for box in boxes], float).reshape(-1, 4).clip(0, 1)
    if not len(sides):
        return 0.0
    across, down = np.unique(sides[:, ::2]), np.unique(sides[:, 1::2])
    covered = np.zeros((len(down) - 1, len(across) - 1), bool)
    for left, top, right, bottom in sides:
        covered[(down[:-1] >= top) & (down[1:] <= bottom)] |= (across[:-1] >= left) & (across[1:] <= right)
    return float((covered * np.diff(down)[:, None] * np.diff(across)).sum())


def latent_mask(boxes: Sequence[Mapping], height: int, width: int, *, dilate: int = 1) -> np.ndarray:
    """Mask h×w on the latent grid: 0 where a box touches the position or one within `dilate` positions of it, 1
    elsewhere (trained on).

    The encoder's receptive field is larger than one position, so a position beside a defect carries some of it.
    """
    mask = np.ones((height, width), np.float32)
    for box in boxes:
        if isinstance(box, Mapping) and box.get("kind", DEFECTS[0]) not in DEFECTS:
            continue  # not a defect: a line of text that OCR found, a face
        left, top, right, bottom = sides(box)
        columns, rows = positions(left, right, width, dilate), positions(top, bottom, height, dilate)
        mask[rows, columns] = 0
    return mask


def cropped(boxes: Iterable[Mapping], before: tuple[int, int], after: tuple[int, int]) -> tuple[dict, ...]:
    """Boxes of a picture after it was scaled to cover a size and cropped in the middle (sizes are width and height)."""
    ratio = (after[0] / after[1]) / (before[0] / before[1])
    across, down = max(1.0, 1 / ratio), max(1.0, ratio)
    found = []
    for box in boxes:
        left, top, right, bottom = sides(box)
        moved = [
            min(1.0, max(0.0, (side - 0.5) * scale + 0.5))
            for side, scale in ((left, across), (top, down), (right, across), (bottom, down))
        ]
        if moved[0] < moved[2] and moved[1] < moved[3]:
            found.append({**box, "box": [round(side, 5) for side in moved]})
    return tuple(found)


def positions(low: float, high: float, count: int, dilate: int) -> slice:
    """Positions along a side that overlap an interval given in shares, and `dilate` more on both ends."""
    if high <= low or high <= 0 or low >= 1:
        return slice(0, 0)
    return slice(
        max(0, int(np.floor((low + EDGE) * count)) - dilate), min(count, int(np.ceil((high - EDGE) * count)) + dilate)
    )


def sides(box: Mapping) -> tuple[float, float, float, float]:
    """The box of a record, checked, because records may come from outside."""
    found = box.get("box") if isinstance(box, Mapping) else None
    right = (
        isinstance(found, (list, tuple))
        and len(found) == 4
        and all(isinstance(side, (int, float)) and not isinstance(side, bool) and abs(side) <= 1e6 for side in found)
    )
    if not right:
        raise DataError(
            f"a box is {repr(found if isinstance(box, Mapping) else box)[:80]}, not four shares of the sides",
            "run the structure scorer again",
        )
    return tuple(float(side) for side in found)


def saved(areas: Sequence[float], most: float = 0.2) -> dict[str, float]:
    """Counts how many samples masking keeps, given the defect area of each sample (Seedream 3.0 reports 21.7% more
    effective data).

    `share` is the share of all samples with some defect but less than `most`, which would be lost if every sample with
    a defect were dropped; `more` is the same relative to the clean samples; `effective` counts a masked sample by its
    clean area.
    """
    clean = sum(area == 0 for area in areas)
    masked = [area for area in areas if 0 < area < most]
    return {
        "samples": len(areas),
        "clean": clean,
        "masked": len(masked),
        "dropped": len(areas) - clean - len(masked),
        "share": round(len(masked) / max(1, len(areas)), 4),
        "more": round(len(masked) / max(1, clean), 4),
        "effective": round(sum(1 - area for area in masked) / max(1, clean), 4),
    }
