"""Random places for objects: their boxes stay inside an area and keep a gap; few draws are rejected.

An area is (left, top, right, bottom), a box (width, height), a place the centre of a box.
"""

from collections.abc import Callable

Area = tuple[float, float, float, float]
Box = tuple[float, float]
Place = tuple[float, float]
Uniform = Callable[[float, float], float]
"""Draws a uniform number from a range."""


def anywhere(box: Box, area: Area, uniform: Uniform) -> Place | None:
    """None where the box does not fit."""
    (left, top, right, bottom), (width, height) = area, box
    if right - left < width or bottom - top < height:
        return None
    return uniform(left + width / 2, right - width / 2), uniform(top + height / 2, bottom - height / 2)


def apart(count: int, box: Box, area: Area, gap: float, uniform: Uniform) -> list[Place]:
    """Places for equal boxes. The area is cut in two repeatedly, until each piece holds one box."""
    while True:
        places = _cut(count, box, area, gap, uniform)
        if None not in places:
            return places


def _cut(count: int, box: Box, area: Area, gap: float, uniform: Uniform) -> list[Place | None]:
    if count == 1:
        return [anywhere(box, area, uniform)]
    axis = int(uniform(0, 2))
    low, high = area[axis] + box[axis] + gap / 2, area[axis + 2] - box[axis] - gap / 2
    if low > high:
        return [None]
    cut = uniform(low, high)
    before, after = list(area), list(area)
    before[axis + 2], after[axis] = cut - gap / 2, cut + gap / 2
    first = int(uniform(count // 2, (count + 1) // 2 + 1))  # of three boxes, one or two
    return _cut(first, box, tuple(before), gap, uniform) + _cut(count - first, box, tuple(after), gap, uniform)


def in_line(first: Box, second: Box, axis: int, area: Area, gap: float, slant: float, uniform: Uniform) -> list[Place]:
    """Two places, the first before the second along the axis (0 from left to right, 1 from top to bottom).

    Across it they differ by at most `slant` of what they differ along it. Both boxes and the gap must fit.
    """
    aside = 1 - axis
    start, near, far = area[axis], area[aside], area[aside + 2]
    free = area[axis + 2] - start - first[axis] - second[axis] - gap
    before, behind = sorted((uniform(0, free), uniform(0, free)))
    one = start + before + first[axis] / 2
    two = start + behind + first[axis] + gap + second[axis] / 2
    while True:  # a wide box cannot follow a narrow one to the edge
        across = uniform(near + first[aside] / 2, far - first[aside] / 2)
        reach = slant * (two - one)
        low, high = max(near + second[aside] / 2, across - reach), min(far - second[aside] / 2, across + reach)
        if low <= high:
            break
    places = [(one, across), (two, uniform(low, high))]
    return [place[::-1] for place in places] if axis else places
