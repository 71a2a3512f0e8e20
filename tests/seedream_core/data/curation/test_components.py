"""Pieces of ink are found whole, with their sizes, and features do not depend on where or in which colours things are
drawn.
"""

import numpy as np
import pytest

from seedream_core.data.curation.components import _euler, distance, features, pieces


def flooded(ink: np.ndarray) -> list[tuple[int, int, int]]:
    """Width, height and area of every piece, one pixel after the other."""
    left, found = {tuple(place) for place in np.argwhere(ink)}, []
    while left:
        todo, piece = [left.pop()], []
        while todo:
            row, column = todo.pop()
            piece.append((row, column))
            near = {(row + down, column + across) for down in (-1, 0, 1) for across in (-1, 0, 1)} & left
            left -= near
            todo += near
        rows, columns = zip(*piece)
        found.append((max(columns) - min(columns) + 1, max(rows) - min(rows) + 1, len(piece)))
    return sorted(found)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.45, 0.6, 0.9])
def test_pieces_are_those_a_flood_finds(share):
    ink = np.random.default_rng(round(100 * share)).random((41, 57)) < share
    assert sorted(map(tuple, pieces(ink).tolist())) == flooded(ink)
    assert _euler(ink, 8) <= len(pieces(ink))


def test_a_spiral_is_one_piece_and_nothing_is_none():
    ink = np.zeros((21, 21), bool)
    for ring in range(0, 10, 2):
        ink[ring, ring : 21 - ring] = ink[ring : 21 - ring, 20 - ring] = ink[20 - ring, ring : 21 - ring] = ink[
            ring + 2 : 21 - ring, ring
        ] = True
        ink[ring + 2, ring : ring + 2] = True
    assert len(pieces(ink)) == 1 and pieces(np.zeros((5, 5), bool)).shape == (0, 3)


def test_pieces_less_holes():
    ink = np.zeros((12, 20), bool)
    ink[2:9, 2:9] = True
    ink[4:6, 4:6] = False
    ink[3, 12:15] = True
    assert _euler(ink, 4) == _euler(ink, 8) == 1
    ink[6, 6] = False  # its corner touches the hole's
    assert (_euler(ink, 8) == 0 and _euler(ink, 4) == 1) or _euler(ink, 4) == 0


def test_features_know_no_place_and_no_colour():
    page = np.full((120, 160, 3), 255, np.uint8)
    for number in range(5):
        page[20:28, 10 + 25 * number : 16 + 25 * number] = 0
    dark = 255 - page
    moved = np.roll(page, (40, 3), (0, 1))
    assert np.allclose(features(page), features(dark)) and np.allclose(features(page), features(moved))
    more = page.copy()
    more[60:68, 10:16] = 0
    assert not np.allclose(features(page), features(more))
    assert distance(page).max() == 255 and np.isfinite(features(np.zeros((8, 8, 3), np.uint8))).all()
