"""Connected regions of a boolean mask, in numpy (union of row runs), without scipy."""

from collections.abc import Iterator

import numpy as np


def regions(mask: np.ndarray) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """Each region (touching at sides or corners) as rows, columns and its own mask inside them, top to bottom."""
    padded = np.pad(mask, ((0, 0), (1, 1))).astype(np.int8)
    steps = np.diff(padded, axis=1)
    rows, starts = np.nonzero(steps == 1)
    stops = np.nonzero(steps == -1)[1]
    owner = list(range(len(rows)))

    def root(run: int) -> int:
        while owner[run] != run:
            owner[run] = run = owner[owner[run]]
        return run

    runs = list(zip(rows.tolist(), starts.tolist(), stops.tolist(), strict=True))
    above = 0
    for run, (row, start, stop) in enumerate(runs):
        while runs[above][0] < row - 1 or (runs[above][0] == row - 1 and runs[above][2] < start):
            above += 1
        other = above
        while runs[other][0] == row - 1 and runs[other][1] <= stop:
            first, second = sorted((root(other), root(run)))
            owner[second] = first
            other += 1
    members: dict[int, list[int]] = {}
    for run in range(len(runs)):
        members.setdefault(root(run), []).append(run)
    for group in members.values():
        top, bottom = rows[group[0]], rows[group[-1]] + 1
        left, right = starts[group].min(), stops[group].max()
        own = np.zeros((bottom - top, right - left), bool)
        for run in group:
            row, start, stop = runs[run]
            own[row - top, start - left : stop - left] = True
        yield slice(int(top), int(bottom)), slice(int(left), int(right)), own
