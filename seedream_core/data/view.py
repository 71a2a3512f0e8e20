"""One sample as the funnel sees it: what costs is made at its first use, so that a cheap verdict spares the decoding."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from seedream_core.records import Sample

if TYPE_CHECKING:
    import numpy as np

COSTS = ("record", "thumbnail", "pixels")
"""What a scorer or a filter may read of a sample, the cheapest first."""


@dataclass(eq=False)
class View:
    """What scorers note here is what filters judge by."""

    sample: Sample
    members: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    scores: dict[str, float] = field(default_factory=dict)
    """Into the record of a kept sample."""
    boxes: list[dict[str, Any]] = field(default_factory=list)
    """`{"kind": …, "box": [left, top, right, bottom], "score": …}` in shares of the sides; into the record too."""
    features: dict[str, "np.ndarray"] = field(default_factory=dict)
    """Arrays of one shape and type for all samples: for what looks at many of them at once."""

    @classmethod
    def of(cls, sample: Sample, pixels: "np.ndarray") -> "View":
        """A view of pixels that are decoded already (H×W×3 uint8)."""
        view = cls(sample)
        view.__dict__["pixels"] = pixels
        return view

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, as the record says."""
        return self.sample.width, self.sample.height

    @cached_property
    def thumbnail(self) -> "np.ndarray":
        """H×W×3 uint8, the shorter side from 64 to 127 pixels where the picture has as many."""
        from seedream_core.data.pictures import draft, reduced

        drafted = draft(self.members) if self.members else None
        return reduced(self.pixels if drafted is None else drafted)

    @cached_property
    def pixels(self) -> "np.ndarray":
        """H×W×3 uint8."""
        from seedream_core.data.pictures import decode

        return decode(self.members)
