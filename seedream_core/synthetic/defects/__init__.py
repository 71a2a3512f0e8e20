"""Synthetic defects on clean pictures, with their boxes as truth; each file is one kind. The Seedream reports name the
kinds; how each looks is our choice.

Seedream 2.0 and 3.0 name watermarks, logos, subtitles, stickers and mosaics but publish no pictures, so these are
drawn. A defect must be visible: if it does not change its box enough, it is drawn again.
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
    """Contract: `__call__` returns a new picture and the boxes of the defects on it; all random choices come from
    `draw`.
    """

    def __call__(self, pixels: "np.ndarray", draw: "Rng") -> tuple["np.ndarray", list[Box]]:
        raise NotImplementedError
