"""Synthetic defects on clean pictures, with their boxes as truth; each file is one kind. The reports name the kinds;
how each looks is our choice.

2.0 and 3.0 speak of watermarks, logos, subtitles, stickers and mosaics; their pictures are not published, so these are
drawn. A defect that cannot be seen is none: what is planted must change its box, or it is drawn again.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seedream_core.workflow.config import Component

if TYPE_CHECKING:
    import numpy as np

    from seedream_core.randomness import Rng

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are the first outside."""


@dataclass(frozen=True, kw_only=True)
class Defect(Component):
    """Contract: `__call__` gives a new picture and the boxes of what was put on it; all choices come from `draw`."""

    def __call__(self, pixels: "np.ndarray", draw: "Rng") -> tuple["np.ndarray", list[Box]]:
        raise NotImplementedError
