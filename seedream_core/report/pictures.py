"""Embeds pictures in a page as data URLs."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

MOST_PIXELS = 640
SMALL = 96


@dataclass(frozen=True)
class Picture:
    uri: str
    width: int
    height: int


def embed(path: Path, most: int = MOST_PIXELS) -> Picture:
    """The file as it is, or a smaller copy where it is over `most` pixels."""
    from PIL import Image

    data = path.read_bytes()
    image = Image.open(io.BytesIO(data))
    if max(image.size) > most:
        image = image.convert("RGB")
        image.thumbnail((most, most), Image.Resampling.LANCZOS)
        stream = io.BytesIO()
        image.save(stream, "PNG", optimize=True)
        data = stream.getvalue()
    return Picture("data:image/png;base64," + base64.b64encode(data).decode(), *image.size)


def inline(pixels: np.ndarray, most: int) -> Picture:
    """H×W×3 uint8 pixels, reduced where the longer side is over `most`; as JPEG, or as PNG where they are few."""
    from PIL import Image

    image = Image.fromarray(pixels)
    image.thumbnail((most, most), Image.Resampling.LANCZOS)
    kind = "png" if max(image.size) <= SMALL else "jpeg"
    stream = io.BytesIO()
    image.save(stream, kind, **({"optimize": True} if kind == "png" else {"quality": 88}))
    return Picture(f"data:image/{kind};base64," + base64.b64encode(stream.getvalue()).decode(), *image.size)
