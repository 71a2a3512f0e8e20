"""Pictures inside the page, as data."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

MOST_PIXELS = 640


@dataclass(frozen=True)
class Picture:
    uri: str
    width: int
    height: int


def embed(path: Path, most: int = MOST_PIXELS) -> Picture:
    """The file as it is, or made smaller where a page needs no more."""
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
