"""One sample in the funnel, decoded lazily: expensive parts are computed on first use, so that a cheap filter avoids
them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from seedream_core.records import Sample

if TYPE_CHECKING:
    import numpy as np

    from seedream_core.data.storage.shards import ShardReader

COSTS = ("record", "thumbnail", "pixels")
"""Parts of a sample that a scorer or filter may read, the cheapest first."""
PIXELS = 64 * 10**6
"""Number of decoded pixels held at once, about 200 MB: the largest picture, or 60 pictures of a million pixels."""
MOST = 1e6
"""Largest distance of a box from the picture, in sides of the picture; a box beyond it is invalid."""


@dataclass(eq=False)
class LazySample:
    """Scores of the sample: scorers write them, filters read them."""

    sample: Sample
    members: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    scores: dict[str, float] = field(default_factory=dict)
    """Captions added to the record of a kept sample."""
    boxes: list[dict[str, Any]] = field(default_factory=list)
    """`{"kind": …, "box": [left, top, right, bottom], "score": …}` in shares of the sides; added to the record too."""
    features: dict[str, "np.ndarray"] = field(default_factory=dict)
    """Arrays with the same shape and type for all samples, for methods that compare samples."""

    @classmethod
    def read(cls, reader: "ShardReader", position: int) -> "LazySample":
        """A stored sample; DataError if its members or its record cannot be read."""
        members = reader.read(position)
        return cls(Sample.of(members), members)

    @classmethod
    def of(cls, sample: Sample, pixels: "np.ndarray") -> "LazySample":
        """A sample whose pixels are decoded already (H×W×3 uint8)."""
        view = cls(sample)
        view.__dict__["pixels"] = pixels
        return view

    @property
    def further(self) -> list[str]:
        """Further pictures of the sample, such as `ref0.png`; a sample that has any is a tuple."""
        from seedream_core.data.images.pictures import FORMATS

        return sorted(name for name in self.members if "." in name and name.rpartition(".")[2] in FORMATS)

    @property
    def plain(self) -> bool:
        """Whether the sample is a single picture described by its captions: not a tuple, and for text-to-image only."""
        return self.sample.task == Sample.task and not self.further

    def forget(self) -> None:
        """Frees the pixels; they are decoded again on the next access."""
        if self.members:
            for name in ("pixels", "thumbnail"):
                self.__dict__.pop(name, None)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height according to the record."""
        return self.sample.width, self.sample.height

    @cached_property
    def thumbnail(self) -> "np.ndarray":
        """H×W×3 uint8, with 64 to 127 pixels on the shorter side if the picture is large enough."""
        from seedream_core.data.images.pictures import draft, reduced

        drafted = draft(self.members) if self.members else None
        return reduced(self.pixels if drafted is None else drafted)

    @cached_property
    def pixels(self) -> "np.ndarray":
        """H×W×3 uint8."""
        from seedream_core.data.images.pictures import decode

        return decode(self.members)


def portions(views: Mapping[int, LazySample]) -> Iterator[list[int]]:
    """Chunks of samples that fit in memory decoded: together at most PIXELS pixels, or one sample."""
    part, held = [], 0
    for place, view in views.items():
        width, height = view.size
        if part and held + width * height > PIXELS:
            yield part
            part, held = [], 0
        part.append(place)
        held += width * height
    if part:
        yield part


def sound(boxes: Iterable[Any]) -> list[dict[str, Any]]:
    """The valid boxes: a record from outside may hold anything under that name."""
    return [box for box in boxes if isinstance(box, dict) and _is_box(box)]


def _is_box(box: Mapping[str, Any]) -> bool:
    sides, score, text = box.get("box"), box.get("score", 1.0), box.get("text", "")
    return (
        isinstance(sides, (list, tuple))
        and len(sides) == 4
        and all(map(_is_number, (*sides, score)))
        and sides[0] <= sides[2]
        and sides[1] <= sides[3]
        and isinstance(box.get("kind"), str)
        and isinstance(text, str)
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -MOST <= value <= MOST
