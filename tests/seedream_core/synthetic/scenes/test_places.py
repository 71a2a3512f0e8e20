"""Places keep boxes inside, apart and in line, down to areas that only just hold them."""

import random

import pytest

from seedream_core.synthetic.scenes.places import anywhere, apart, in_line

AREA = (0.1, 0.0, 1.0, 0.9)


def holds(box, place, area=AREA) -> bool:
    return all(
        area[axis] - 1e-9 <= place[axis] - box[axis] / 2 and place[axis] + box[axis] / 2 <= area[axis + 2] + 1e-9
        for axis in (0, 1)
    )


def test_anywhere_fits_or_says_none():
    uniform = random.Random(0).uniform
    assert all(holds((0.3, 0.5), anywhere((0.3, 0.5), AREA, uniform)) for _ in range(100))
    assert anywhere((0.9, 0.9), AREA, uniform) == pytest.approx((0.55, 0.45))
    assert anywhere((0.91, 0.1), AREA, uniform) is None


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("box", [(0.1, 0.2), (0.4, 0.4)])
def test_apart_keeps_the_gap(count, box):
    uniform = random.Random(0).uniform
    for _ in range(100):
        spots = apart(count, box, AREA, 0.08, uniform)
        assert len(spots) == count and all(holds(box, spot) for spot in spots)
        for i, one in enumerate(spots):
            for other in spots[:i]:
                assert max(abs(one[axis] - other[axis]) - box[axis] for axis in (0, 1)) >= 0.08 - 1e-9


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(
    "first, second", [((0.1, 0.1), (0.4, 0.4)), ((0.4, 0.4), (0.4, 0.3)), ((0.2, 0.3), (0.1, 0.1))]
)
def test_in_line_keeps_order_gap_and_slant(axis, first, second):
    uniform = random.Random(0).uniform
    for _ in range(100):
        one, two = in_line(first, second, axis, AREA, 0.08, 0.4, uniform)
        assert holds(first, one) and holds(second, two)
        along, aside = two[axis] - one[axis], abs(two[1 - axis] - one[1 - axis])
        assert along - (first[axis] + second[axis]) / 2 >= 0.08 - 1e-9 and aside <= 0.4 * along + 1e-9
