"""Turns the detector's cover maps into boxes: connected cells of a kind, with edges placed inside a cell by its
cover.
"""

from collections.abc import Sequence

import numpy as np

from seedream_core.synthetic.scenes.regions import regions

COVERED = 0.5  # of a cell, from which it belongs to a box
LEAST = 2.5  # cells' worth of cover, below which a region is chance
SURE = 0.85  # cover that the surest cell of a region must reach


def boxes(maps: np.ndarray, kinds: Sequence[str], height: float, width: float) -> list[dict]:
    """Boxes in shares of the sides from (kinds + 1)×h×w, the last map of any kind; height and width in cells may be
    broken.

    Cells that are covered, but by no kind in particular, make boxes of the kind most likely there.
    """
    found, rest = [], maps[-1] >= COVERED
    for kind, cover in zip(kinds, maps, strict=False):
        for rows, columns, own in regions(cover >= COVERED):
            if box := _box(cover, rows, columns, own, height, width):
                found.append({"kind": kind, **box})
                rest[rows, columns] = False
    for rows, columns, own in regions(rest):
        if box := _box(maps[-1], rows, columns, own, height, width):
            sums = maps[:-1, rows, columns][:, own].sum(1)
            found.append({"kind": kinds[int(sums.argmax())], **box})
    return found


def _box(cover: np.ndarray, rows: slice, columns: slice, own: np.ndarray, height: float, width: float) -> dict | None:
    values = cover[rows, columns][own]
    if values.sum() < LEAST or values.max() < SURE:
        return None
    left, right = _edges(cover[rows].mean(0), columns, width)
    top, bottom = _edges(cover[:, columns].mean(1), rows, height)
    return {"box": [round(side, 5) for side in (left, top, right, bottom)], "score": round(float(values.mean()), 4)}


def _edges(profile: np.ndarray, cells: slice, count: float) -> tuple[float, float]:
    """Both ends of a run of cells in shares of the side, from the cover of its outermost cells and of those beyond."""
    peak = max(COVERED, float(profile[cells].max()))

    def share(cell: int) -> float:
        return min(1.0, float(profile[cell]) / peak) if 0 <= cell < len(profile) else 0.0

    low = cells.start + 1 - share(cells.start) - share(cells.start - 1)
    high = cells.stop - 1 + share(cells.stop - 1) + share(cells.stop)
    return max(0.0, low / count), min(1.0, high / count)
