"""The objective of the defect detector: predict the cover of each cell, on defects planted afresh at every step.

A planted picture is a pure function of (seed, key, step), so a resumed training sees what an uninterrupted one does.
"""

import io
from collections import Counter

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor
from torch.nn import functional as F

from seedream_core.models.detector import STRIDE, Detector, prepare
from seedream_core.randomness import Rng
from seedream_core.records import Batch
from seedream_core.synthetic.defects.planting import KINDS, Planted, plant
from seedream_core.synthetic.defects.textures import texture
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import World
from seedream_core.training.objective import Objective
from seedream_core.workflow.host import Train

ASPECTS = (1.0, 1.0, 1.0, 4 / 3, 3 / 4, 8 / 5, 5 / 8)  # whole pixels at each of SIDES, so that a batch has one size
SIDES = (64, 64, 96, 128, 128, 192, 256, 256)
"""Pixels of the longer side that pictures are planted at."""
HARD = (*KINDS, "mosaic", "watermark")
"""What is planted: these two take the longest to learn, so they come twice as often."""
BLURRED = 0.15  # of given pictures are out of focus
AGAIN = 0.2  # of pictures are compressed once more after planting, as a crawl's are


class DetectorModule(Objective):
    """`scenes` and `textures` are the shares of pictures that are drawn here instead of the given ones."""

    def __init__(self, network: Detector, *, train: Train, scenes: float, textures: float, clean: float) -> None:
        super().__init__()
        self.network, self.train_config, self.clean = network, train, clean
        self.scenes, self.textures = scenes, textures

    def training_step(self, batch: Batch, index: int) -> dict:
        images, cover = map(self.send, self.planted(batch))
        loss = F.binary_cross_entropy_with_logits(self.network(images).float(), cover)
        return {"loss": loss}

    def planted(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Pictures of the working size with their cover, all of one aspect, which the step decides."""
        side, seed = self.network.config.side, self.train_config.seed
        aspect = Rng("detector aspect", seed, batch.step).choice(ASPECTS)
        seen, images, covers = Counter(), [], []
        for key, given in zip(batch.keys, batch.images.cpu()):
            seen[key] += 1  # data smaller than a batch repeats itself in it
            draw = Rng("detector", seed, key, batch.step, seen[key])
            clean = ground(given, draw, draw.choice(SIDES), aspect, self.scenes, self.textures)
            planted = plant(clean, f"detector {seed} {key} {batch.step}", seen[key], clean=self.clean, kinds=HARD)
            image, height, width = prepare(compressed(planted.pixels, draw), side)
            images.append(image)
            covers.append(
                cover(planted, height / STRIDE, width / STRIDE, image.shape[1] // STRIDE, image.shape[2] // STRIDE)
            )
        return torch.stack(images), torch.from_numpy(np.stack(covers))


def ground(given: Tensor, draw: Rng, side: int, aspect: float, scenes: float, textures: float) -> np.ndarray:
    """A clean picture whose longer side is `side`: a scene, a texture, or a part of the given 3×H×W, varied."""
    width, height = (side, round(side / aspect)) if aspect >= 1 else (round(side * aspect), side)
    chance = draw.uniform(0, 1)
    if chance < scenes:
        across, down = (max(16, 16 * round(size / 16)) for size in (width, height))
        scene = World(width=across, height=down).sample("detector " + str(draw.uniform(0, 1)), 0)
        return (
            render(scene, across, down)
            if (across, down) == (width, height)
            else _resized(render(scene, across, down), width, height)
        )
    if chance < scenes + textures:
        return texture(width, height, draw)
    rows, columns = given.shape[1:]
    largest = min(columns / width, rows / height)
    # never enlarged where that can be helped: it blurs, and a detector would take what is sharp for painted
    scale = draw.uniform(min(largest, max(1.0, 0.3 * largest)), largest)
    across, down = max(8, int(width * scale)), max(8, int(height * scale))
    left, top = int(draw.uniform(0, columns - across + 0.99)), int(draw.uniform(0, rows - down + 0.99))
    part = (
        ((given[:, top : top + down, left : left + across] + 1) * 127.5)
        .round()
        .to(torch.uint8)
        .permute(1, 2, 0)
        .numpy()
    )
    part = _resized(part, width, height)
    if draw.uniform(0, 1) < 0.5:
        part = np.ascontiguousarray(part[:, ::-1])
    if draw.uniform(0, 1) < 0.4:
        part = np.ascontiguousarray(
            part[..., draw.choice(([1, 2, 0], [2, 0, 1], [0, 2, 1], [2, 1, 0], [0, 0, 0], [1, 1, 1]))]
        )
    if draw.uniform(0, 1) < BLURRED:
        part = np.asarray(Image.fromarray(part).filter(ImageFilter.GaussianBlur(draw.uniform(0.3, 3) * side / 256)))
    levels = np.linspace(0, 1, 256) ** (2 ** draw.uniform(-0.7, 0.7)) * 255
    return levels.astype(np.uint8)[part]


def compressed(pixels: np.ndarray, draw: Rng) -> np.ndarray:
    """The picture through JPEG, some of the time."""
    if draw.uniform(0, 1) >= AGAIN:
        return pixels
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=int(draw.uniform(60, 96)))
    return np.asarray(Image.open(file).convert("RGB"))


def cover(planted: Planted, height: float, width: float, rows: int, columns: int) -> np.ndarray:
    """Share of each cell under boxes of each kind, and last under any: (kinds + 1)×rows×columns; height and width in
    cells.
    """
    found = np.zeros((len(KINDS) + 1, rows, columns), np.float32)
    for box in planted.boxes:
        left, top, right, bottom = box["box"]
        across = _overlap(left * width, right * width, columns)
        down = _overlap(top * height, bottom * height, rows)
        own = down[:, None] * across[None]
        for plane in (KINDS.index(box["kind"]), len(KINDS)):
            found[plane] = np.maximum(found[plane], own)
    return found


def _overlap(low: float, high: float, count: int) -> np.ndarray:
    cells = np.arange(count, dtype=np.float32)
    return (np.minimum(high, cells + 1) - np.maximum(low, cells)).clip(0, 1).astype(np.float32)


def _resized(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))
