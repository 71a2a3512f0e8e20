"""Pictures of strangers decoded with care: three formats, the size read from the header before any pixel is."""

import io
import warnings
from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageOps

from seedream_core.errors import DataError

PIXELS = 64 * 10**6
FORMATS = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "webp": "WEBP"}
_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}


def decode(members: Mapping[str, bytes]) -> np.ndarray:
    """The picture of a sample as H×W×3 uint8, upright, on white where it is transparent; DataError says why not."""
    names = [name for name in members if name in FORMATS]
    if len(names) != 1:
        raise DataError(f"{len(names)} pictures in the sample" if names else "no picture in the sample")
    data, name = members[names[0]], FORMATS[names[0]]
    if not data:
        raise DataError("the picture is empty")
    try:
        with _open(data) as image:
            _check(image, name)
            # Loading skips the CRCs of a PNG's pixels: a flipped bit would pass as another picture.
            image.verify()
        with _open(data) as image:
            image.load()
            upright = ImageOps.exif_transpose(image)
            if "A" in upright.getbands() or "transparency" in upright.info:
                opaque = Image.new("RGBA", upright.size, "white")
                opaque.alpha_composite(upright.convert("RGBA"))
                upright = opaque
            return np.asarray(upright.convert("RGB"))
    except DataError:
        raise
    # Pillow's plug-ins raise anything from SyntaxError to struct.error on a broken file.
    except Exception as error:
        raise DataError(f"undecodable {name}: {str(error)[:100] or type(error).__name__}") from None


def _open(data: bytes) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP"))


def _check(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width * height > PIXELS:
        raise DataError(f"{width}×{height} pixels are over {PIXELS // 10**6} million")
    if image.format != name:
        raise DataError(f"a {image.format} that calls itself {name}")
    if image.mode not in _MODES:
        raise DataError(f"pixels of mode {image.mode} are not supported")
    if getattr(image, "n_frames", 1) > 1:
        raise DataError(f"{image.n_frames} frames where one picture is needed")
