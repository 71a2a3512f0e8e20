"""Defect detector: a small fully convolutional network that predicts, per cell, how much defects of each kind cover it
(our design).

Seedream 3.0 names a detector of boxes without details. Pictures are resized to one working side, so that a watermark
has the same size in cells at any resolution. A cell is 8 pixels; cover is a share of the cell, so that edges of boxes
can be placed within it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, MinLen
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from seedream_core.models import network
from seedream_core.workflow.config import Config

STRIDE = 8
GROUPS = 8


@dataclass(frozen=True, kw_only=True)
class DetectorConfig(Config):
    side: Annotated[int, Ge(64)] = 192
    """Pixels of the longer side to which pictures are resized."""
    fine: Annotated[int, Ge(8)] = 32
    """Features at a quarter of the working resolution."""
    coarse: Annotated[int, Ge(8)] = 64
    """Features of the cells."""
    dilations: Annotated[tuple[int, ...], MinLen(1)] = (1, 2, 4)
    """Dilation of each residual block over cells: larger values see farther."""

    def __post_init__(self) -> None:
        if self.side % STRIDE or self.fine % GROUPS or self.coarse % GROUPS:
            raise ValueError(
                f"side, fine and coarse must be multiples of 8, not {self.side}, {self.fine} and {self.coarse}"
            )


class DetectorBlock(nn.Module):
    """Norm, SiLU, convolution, twice, added to the input; the first convolution may be dilated."""

    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.GroupNorm(GROUPS, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation),
            nn.GroupNorm(GROUPS, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )
        nn.init.zeros_(self.body[-1].weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Detector(nn.Module):
    """images B×3×H×W in [-1, 1], sides multiples of 8 -> logits B×(kinds + 1)×H/8×W/8, the last of any kind."""

    def __init__(self, config: DetectorConfig, kinds: tuple[str, ...]) -> None:
        super().__init__()
        self.config, self.kinds = config, kinds
        self.body = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(16 * 5, config.fine, 3, padding=1),
            DetectorBlock(config.fine),
            DetectorBlock(config.fine),
            nn.Conv2d(config.fine, config.coarse, 2, stride=2),
            *(DetectorBlock(config.coarse, d) for d in config.dilations),
            nn.GroupNorm(GROUPS, config.coarse),
            nn.SiLU(),
            nn.Conv2d(config.coarse, len(kinds) + 1, 1),
        )
        nn.init.constant_(self.body[-1].bias, -2.0)  # most cells are clean
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        return self.body(torch.cat([images, steps(images)], 1).contiguous(memory_format=torch.channels_last))

    @torch.inference_mode()
    def maps(self, pixels: np.ndarray) -> np.ndarray:
        """Cover of each cell of an H×W×3 uint8 picture, (kinds + 1)×h×w, and 0 beyond its edge."""
        images, height, width = prepare(pixels, self.config.side)
        found = self(images[None])[0].float().sigmoid().numpy()
        return found[:, : -(-height // STRIDE), : -(-width // STRIDE)]


def steps(images: Tensor) -> Tensor:
    """Differences of neighbouring pixels, across and down, B×2×H×W on a logarithmic scale: painted or pixelated areas
    are flat between their edges, photographs hardly ever.
    """
    across = functional.pad(images.diff(dim=3).abs().amax(1, keepdim=True), (0, 1))
    down = functional.pad(images.diff(dim=2).abs().amax(1, keepdim=True), (0, 0, 0, 1))
    return torch.log1p(64 * torch.cat([across, down], 1)) / 2


def working_size(width: int, height: int, side: int) -> tuple[int, int]:
    """Width and height with the longer side resized to `side` and the shorter one to at least a cell."""
    longer = max(width, height)
    return max(STRIDE, round(width * side / longer)), max(STRIDE, round(height * side / longer))


def prepare(pixels: np.ndarray, side: int) -> tuple[Tensor, int, int]:
    """The network's input 3×H×W, padded to whole cells by repeating its edge, and the height and width before
    padding.
    """
    width, height = working_size(pixels.shape[1], pixels.shape[0], side)
    if (height, width) != pixels.shape[:2]:
        pixels = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))
    pixels = np.pad(pixels, ((0, -height % STRIDE), (0, -width % STRIDE), (0, 0)), mode="edge")
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float().div_(127.5).sub_(1), height, width


def save(folder: Path, module: Detector) -> None:
    """Write `network/` of a detector's artifact, in half precision."""
    network.save(
        folder / "network",
        module.config,
        module.state_dict(),
        extra={"kinds": ",".join(module.kinds)},
        dtype=torch.float16,
    )


def load(folder: Path) -> Detector:
    """The detector of an artifact folder, in float32 and evaluation mode."""
    return network.load(
        folder / "network", DetectorConfig, lambda config, extra: Detector(config, tuple(extra["kinds"].split(",")))
    ).eval()
