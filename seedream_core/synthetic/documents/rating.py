"""Difficulty of a knowledge document: easy, medium or hard (the levels are Seedream 4.0's; the criteria are our
choice).

What must come out right are *marks*: written characters and drawn strokes (a bar, a segment, a rule, a box, an arrow).
Their number alone says little of a large picture, and marks per area little of a small one; the load is the geometric
mean of the two, marks / 256 and marks per cell of 16×16 pixels. At 256×256 pixels the bounds below stand at 38, 102 and
205 marks, at 512×512 at twice as many.
"""

import math

CELL = 256
LEVELS = ("easy", "medium", "hard")
MEDIUM, HARD = 0.15, 0.4
"""Least load of each."""
EXTREME = 0.8
"""From here on a hard picture is extremely hard: what the report keeps little of."""
LIGHTEST, HEAVIEST = 0.05, 1.2
"""Between these the loads are drawn."""


def load(marks: int, width: int, height: int) -> float:
    return marks / math.sqrt(CELL * width * height / CELL)


def marks(load: float, width: int, height: int) -> float:
    """The number of marks that gives such a load."""
    return load * math.sqrt(width * height)


def level(load: float) -> str:
    return "easy" if load < MEDIUM else "medium" if load < HARD else "hard"


def score(load: float) -> float:
    """The load brought to 0..1, the same order: 0.27 is where medium begins, 0.5 hard, 0.67 extremely hard."""
    return load / (load + HARD)
