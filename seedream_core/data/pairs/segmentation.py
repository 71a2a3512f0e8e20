"""Control tuples from segmentation maps: the reference comes from a scene's truth or a segmentation model, the picture
is the target (Seedream 4.0).
"""

from dataclasses import dataclass, field

import numpy as np

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.pairs import Make, Pair, Pairs
from seedream_core.data.pairs.edits import clean
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import Scene
from seedream_core.workflow.config import OUTSIDE

INSTRUCTION = {"en": "draw a picture with these areas", "zh": "按照这些区域作画"}
GOLDEN = 0.618034


@dataclass(frozen=True, kw_only=True)
class SegmentationPairs(Pairs):
    path: str | None = field(default=None, metadata=OUTSIDE)
    """Folder of the model; not set uses the truth of synthetic scenes."""

    def start(self) -> Make:
        if self.path is None:
            return lambda view, draw: (
                [_pair(areas(scene, view.size), view)] if (scene := clean(view.sample.truth)) else []
            )
        from seedream_core.models.hf_models import load

        outside = load(self.path, "SemanticSegmentation", "pairs segmentation")
        return lambda view, draw: [
            _pair(outside.resized(outside([view.pixels]).logits[0], view.pixels).argmax(0), view)
        ]


def areas(scene: Scene, size: tuple[int, int]) -> np.ndarray:
    """H×W labels: 0 for the background, then one number per object, in order."""
    labels = np.zeros(size[::-1], int)
    empty = render(Scene(scene.kind, scene.background, ()), *size)
    for number, one in enumerate(scene.objects, 1):
        alone = render(Scene("one", scene.background, (one,)), *size)
        labels[np.abs(alone.astype(int) - empty).sum(-1) > np.abs(alone.astype(int) - empty).sum(-1).max() / 2] = number
    return labels


def _pair(labels: np.ndarray, view: LazySample) -> Pair:
    return Pair("segmentation", (painted(labels),), (view.pixels,), INSTRUCTION, dict(view.sample.captions))


def painted(labels: np.ndarray) -> np.ndarray:
    """Colours the labels, each with a fixed colour in every picture; 0 is black."""
    hue = (labels * GOLDEN % 1.0)[..., None] * 6 + np.array([0, 4, 2])
    colours = np.clip(np.abs(hue % 6 - 3) - 1, 0, 1) * 255
    return np.where(labels[..., None] > 0, colours, 0).astype(np.uint8)
