"""Grids of pictures as training goes: the same noise and prompts each time, with the averaged weights."""

from pathlib import Path

import torch
from lightning.pytorch import Callback, Trainer
from torch import Tensor

from seedream_core.training.callbacks.ema import Ema
from seedream_core.training.objective import Objective
from seedream_core.workflow.host import Train


class Samples(Callback):
    """Writes samples/step_000500.png every `sample_every` steps and at the end.

    The module's `samples()` gives the pictures, rows×columns×3×H×W in [-1, 1]. Every rank draws, because
    the forward pass of a sharded network needs all ranks; rank 0 writes.
    """

    def __init__(self, folder: Path, train: Train, ema: Ema) -> None:
        self.folder, self.train, self.ema = folder, train, ema
        self.step = 0

    def on_train_start(self, trainer: Trainer, module: Objective) -> None:
        self.step = module.steps_done

    def on_train_batch_end(self, trainer: Trainer, module: Objective, *_: object) -> None:
        if module.steps_done == self.step:
            return
        self.step = module.steps_done
        if self.step % self.train.sample_every and self.step < self.train.steps:
            return
        module.eval()
        with torch.no_grad(), self.ema.swapped(module), trainer.precision_plugin.forward_context():
            rows = module.samples()
        module.train()
        if trainer.is_global_zero:
            self.folder.mkdir(parents=True, exist_ok=True)
            grid(rows).save(self.folder / f"step_{self.step:06d}.png")


def grid(rows: Tensor, gap: int = 2):
    """Rows×columns×3×H×W in [-1, 1] as one picture with thin white lines between."""
    from PIL import Image

    count, columns, _, height, width = rows.shape
    page = torch.ones(3, count * (height + gap) - gap, columns * (width + gap) - gap)
    for r in range(count):
        for c in range(columns):
            y, x = r * (height + gap), c * (width + gap)
            page[:, y : y + height, x : x + width] = rows[r, c].float().cpu()
    pixels = ((page.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).numpy())
