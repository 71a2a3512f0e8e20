"""Regions against a flood fill, on random masks."""

import numpy as np

from seedream_core.synthetic.scenes.regions import regions


def flood(mask: np.ndarray) -> set[frozenset]:
    left, found = {tuple(p) for p in np.argwhere(mask)}, set()
    while left:
        stack, seen = [left.pop()], set()
        while stack:
            row, column = stack.pop()
            seen.add((row, column))
            for near in [(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]:
                if near in left:
                    left.remove(near)
                    stack.append(near)
        found.add(frozenset(seen))
    return found


def test_regions_are_those_of_a_flood_fill():
    generator = np.random.default_rng(0)
    for density in (0.0, 0.1, 0.3, 0.45, 0.6, 1.0):
        for _ in range(20):
            mask = generator.random((17, 23)) < density
            found = set()
            for rows, columns, own in regions(mask):
                assert own.any(0).all() or own.any(1).all()
                points = np.argwhere(own) + np.array([rows.start, columns.start])
                found.add(frozenset(map(tuple, points.tolist())))
            assert found == flood(mask)
