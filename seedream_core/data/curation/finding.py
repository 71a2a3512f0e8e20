"""Turns the detector's coverage maps into boxes: connected positions of one kind, with edges placed by the coverage."""

from collections.abc import Sequence

import numpy as np

from seedream_core.synthetic.scenes.regions import regions

COVERED = 0.5  # coverage from which a position belongs to a box
LEAST = 2.5  # total coverage below which a region is ignored as chance
SURE = 0.85  # coverage that the surest position of a region must reach


def boxes(maps: np.ndarray, kinds: Sequence[str], height: float, width: float) -> list[dict]:
    """Boxes in shares of the sides from (kinds + 1)×h×w, whose last map is for any kind; height and width in positions
    may be fractions.

    Covered positions without a clear kind give boxes of the most likely kind.
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
    """Both ends of a run of positions in shares of the side, from the coverage of its outermost positions and those
    beyond.
    """
    peak = max(COVERED, float(profile[cells].max()))

    def share(cell: int) -> float:
        return min(1.0, float(profile[cell]) / peak) if 0 <= cell < len(profile) else 0.0

    low = cells.start + 1 - share(cells.start) - share(cells.start - 1)
    high = cells.stop - 1 + share(cells.stop - 1) + share(cells.stop)
    return max(0.0, low / count), min(1.0, high / count)
