"""Difficulty of a knowledge document: easy, medium or hard (the levels are Seedream 4.0's; the criteria are our
choice).

A model must draw every *mark* correctly: written characters and drawn strokes (a bar, a segment, a rule, a box, an
arrow). The number of marks alone is a poor measure for large pictures, and marks per area for small ones. The load is
the geometric mean of the two: marks / 256, and marks per cell of 16×16 pixels. At 256×256 pixels the bounds below are
38, 102 and 205 marks, at 512×512 twice as many.
"""

import math

CELL = 256
LEVELS = ("easy", "medium", "hard")
MEDIUM, HARD = 0.15, 0.4
"""Smallest load of the levels medium and hard."""
EXTREME = 0.8
"""From this load on a hard picture is extremely hard; Seedream 4.0 keeps few of these."""
LIGHTEST, HEAVIEST = 0.05, 1.2
"""Range from which loads are drawn."""


def load(marks: int, width: int, height: int) -> float:
    return marks / math.sqrt(CELL * width * height / CELL)


def marks(load: float, width: int, height: int) -> float:
    """The number of marks that gives this load."""
    return load * math.sqrt(width * height)


def level(load: float) -> str:
    return "easy" if load < MEDIUM else "medium" if load < HARD else "hard"


def score(load: float) -> float:
    """The load mapped to 0..1 in the same order: medium begins at 0.27, hard at 0.5, extremely hard at 0.67."""
    return load / (load + HARD)
