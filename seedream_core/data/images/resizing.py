"""Resizes samples to one size: scales the picture to cover it, crops the middle, and moves boxes in the record
along.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from seedream_core.data.images.masks import cropped
from seedream_core.data.images.pictures import FORMATS, normalise
from seedream_core.data.storage.rewrite import opened
from seedream_core.records import Sample


@dataclass(frozen=True)
class Cover:
    """At work in any process: the members of one sample of a folder, its picture at `size` (width and height)."""

    folder: Path
    digest: str
    """Of the folder: other contents are opened anew."""
    size: tuple[int, int]

    def __call__(self, position: int) -> dict[str, bytes]:
        members = opened(self.folder, self.digest).read(position)
        picture = normalise(members.pop(next(name for name in members if name in FORMATS)), self.size)
        return members | {picture.extension: picture.data}


def moved(sample: Sample, size: tuple[int, int]) -> Sample:
    """The record of a sample of another size: boxes moved; truth in shares of the sides left out where the crop took
    some of them.

    Scores stay: they are of the picture as it came.
    """
    whole = sample.width, sample.height
    if whole == size:
        return sample
    fitted = replace(sample, width=size[0], height=size[1], boxes=cropped(sample.boxes, whole, size))
    return replace(fitted, truth=None) if crops(whole, size) else fitted


def crops(whole: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether scaling one size to cover the other leaves a pixel or more to cut off."""
    return abs(whole[0] * size[1] - whole[1] * size[0]) >= min(*whole, *size)
