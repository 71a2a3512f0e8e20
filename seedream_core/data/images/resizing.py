"""Resizes samples to one size: scales the picture to cover it, crops the middle, and moves the boxes in the record."""

from dataclasses import dataclass, replace
from pathlib import Path

from seedream_core.data.images.masks import cropped
from seedream_core.data.images.pictures import FORMATS, normalise
from seedream_core.data.storage.rewrite import opened
from seedream_core.records import Sample


@dataclass(frozen=True)
class Cover:
    """Resizes one sample of a folder in a worker process to `size` (width and height)."""

    folder: Path
    digest: str
    """Digest of the folder: if its contents change, it is opened again."""
    size: tuple[int, int]

    def __call__(self, position: int) -> dict[str, bytes]:
        members = opened(self.folder, self.digest).read(position)
        picture = normalise(members.pop(next(name for name in members if name in FORMATS)), self.size)
        return members | {picture.extension: picture.data}


def moved(sample: Sample, size: tuple[int, int]) -> Sample:
    """The record of a resized sample: boxes are moved; truth in shares of the sides is removed if cropping cut
    something off. Scores stay, because they describe the original picture.
    """
    whole = sample.width, sample.height
    if whole == size:
        return sample
    fitted = replace(sample, width=size[0], height=size[1], boxes=cropped(sample.boxes, whole, size))
    return replace(fitted, truth=None) if crops(whole, size) else fitted


def crops(whole: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether scaling one size to cover the other leaves at least one pixel to crop."""
    return abs(whole[0] * size[1] - whole[1] * size[0]) >= min(*whole, *size)
