"""Runs and evaluates the defect detector: boxes in a picture, the decision to keep, mask or drop it, and the accuracy
on planted defects.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seedream_core.data.curation import finding
from seedream_core.data.images.masks import union
from seedream_core.data.images.pictures import decode
from seedream_core.data.storage.shards import ShardReader
from seedream_core.synthetic.defects.planting import Planted, plant
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import World

if TYPE_CHECKING:
    from seedream_core.models.detector import Detector

MOST = 0.2
CLEAN = 1 / 3
SIDES = (64, 128, 256)


def find(detector: "Detector", pixels: np.ndarray) -> list[dict]:
    """Boxes that a detector finds in a picture, H×W×3 uint8."""
    from seedream_core.models.detector import STRIDE, working_size

    width, height = working_size(pixels.shape[1], pixels.shape[0], detector.config.side)
    return finding.boxes(detector.maps(pixels), detector.kinds, height / STRIDE, width / STRIDE)


def decision(area: float, most: float = MOST) -> str:
    """Decision of defect-aware training for a sample (Seedream 3.0): keep (no defect), mask (less than `most`), or drop
    (more).
    """
    return "keep" if area == 0 else "mask" if area < most else "drop"


def planted_scenes(seed: int | str, count: int) -> Iterator[Planted]:
    """Synthetic scenes of 64, 128 and 256 pixels in turn; a third of them have no defect."""
    for index in range(count):
        side = SIDES[index % len(SIDES)]
        yield plant(render(World(width=side, height=side).sample(seed, index), side, side), seed, index, clean=CLEAN)


def planted_pictures(shards: Path, seed: int | str, count: int) -> Iterator[Planted]:
    """Pictures of an artifact, in turn."""
    reader = ShardReader(shards)
    for index in range(count):
        yield plant(decode(reader.read(index % len(reader))), seed, index, clean=CLEAN)


def judge(detector: "Detector", pictures: Iterable[Planted]) -> dict[str, float]:
    """Accuracy over pictures with known defects; areas are shares of the picture."""
    pairs = [(one.area, union([box["box"] for box in find(detector, one.pixels)])) for one in pictures]
    clean = [found for true, found in pairs if true == 0]
    return {
        "pictures": len(pairs),
        "area_error": round(float(np.mean([abs(true - found) for true, found in pairs])), 5),
        "decisions_right": round(float(np.mean([decision(true) == decision(found) for true, found in pairs])), 4),
        "clean_flagged": round(sum(found > 0 for found in clean) / max(1, len(clean)), 4),
    }
