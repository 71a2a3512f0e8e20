"""Decodes pictures of any origin safely and converts them to one normal form: upright, 8 bits, sRGB, one frame, white
background.

Normal form: PNG, JPEG or WebP; one frame; 8 bits, RGB or grey; upright; sRGB; no transparency. A picture already in
this form keeps its bytes (of a JPEG with several pictures, the bytes of the first). Any other picture is written as
PNG, which is lossless, or as JPEG if the PNG is too large for a shard. The size is read from the header before any
pixel is decoded.
"""

import io
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from seedream_core.errors import DataError

PIXELS = 64 * 10**6
THUMBNAIL = 64
FORMATS = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "jpe": "JPEG", "jfif": "JPEG", "webp": "WEBP"}
STORED = ("PNG", "JPEG", "WEBP")
T = TypeVar("T")
CONVERTED = ("BMP", "GIF", "TIFF")
_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}
_DEEP = {"I", "I;16", "I;16B", "I;16L", "F"}
_ORIENTATION = 0x0112
_TURNING = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")
"""Chunks of a PNG that may hold its orientation."""
_PNG_DEPTH = 24
_MARKS = {
    b"\x89PNG": "PNG",
    b"\xff\xd8": "JPEG",
    b"RIFF": "WEBP",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II": "TIFF",
    b"MM": "TIFF",
}
DEEP = "16 bits to 8"
_MARKED = b"\xff\xd8"
_MARKER = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
_SCANNED = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]", re.DOTALL)
"""Marks the end of a scan in a JPEG: a marker that is neither an escaped byte nor a restart marker."""
_WEBP = re.compile(rb"VP8[ L]")


class TooSmall(DataError):
    """Raised for a picture that would have to be enlarged."""


@dataclass(frozen=True)
class NormalPicture:
    """A picture in the normal form."""

    extension: str
    data: bytes
    width: int
    height: int
    changes: tuple[str, ...]
    """Short descriptions of the changes."""
    whole: tuple[int, int] | None = None
    """Width and height before the picture was scaled and cropped; None if it was not."""


def normalise(data: bytes, size: tuple[int, int] | None = None) -> NormalPicture:
    """Converts any picture to the normal form; DataError says why it cannot be used.

    If a size (width, height) is given, the picture is scaled down to cover it and cropped in the middle.
    """
    from seedream_core.data.storage import shards

    data, cut = _first(data)

    def take(image: Image.Image) -> NormalPicture:
        kind, whole = image.format, None
        image, changes = _normal(image)
        if kind == "PNG" and data[_PNG_DEPTH] == 16 and DEEP not in changes:  # Pillow has halved an RGB one by itself
            changes = (*changes, DEEP)
        if size and image.size != size:
            if image.width < size[0] or image.height < size[1]:
                raise TooSmall(f"too small: {image.width}×{image.height} pixels, under {size[0]}×{size[1]}")
            whole, changes = image.size, (*changes, f"scaled to {size[0]}×{size[1]}")
            image = ImageOps.fit(image, size, Image.Resampling.LANCZOS)
        if not changes:
            return NormalPicture({"PNG": "png", "JPEG": "jpg", "WEBP": "webp"}[kind], data, *image.size, cut)
        extension, written = "png", _written(image, "PNG", compress_level=1)
        if len(written) > shards.MEMBER_BYTES and _lossy(
            kind, data
        ):  # a photograph of 48 million pixels, turned upright
            extension, written = "jpg", _written(image, "JPEG", quality=95, subsampling=0)
            changes = (*changes, "JPEG of quality 95: as PNG too large for a shard")
        return NormalPicture(extension, written, *image.size, (*cut, *changes), whole)

    return _read(data, take, (*STORED, *CONVERTED), _check_size)


def _first(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Cuts a JPEG with several pictures (MPF: cameras and phones store previews, depth and gain maps there) to the
    first one; returns the data and the changes.

    The bytes of that picture do not change; the table of pictures and everything after its end are removed. Other data
    stays as it is, and so does a truncated JPEG.
    """
    at, kept, several = 2, [data[:2]], False
    while data.startswith(_MARKED) and (marker := _MARKER.match(data, at)):
        at, code = marker.end(), marker[1][0]
        if code == 0xD9:
            return (
                (b"".join([*kept, b"\xff\xd9"]), ("first picture alone of a JPEG with MPF",)) if several else (data, ())
            )
        end = at + int.from_bytes(data[at : at + 2])
        if data[at + 2 : at + 6] == b"MPF\0" and code == 0xE2:
            several = True
        elif code == 0xDA:
            if not several or not (scan := _SCANNED.search(data, end)):
                break
            kept.append(data[marker.start() : scan.start()])
            end = scan.start()
        else:
            kept.append(data[marker.start() : end])
        at = end
    return data, ()


def _lossy(kind: str, data: bytes) -> bool:
    """Whether the pixels were lossy already: true for JPEG, and for WebP unless a lossless part comes first."""
    return kind in ("JPEG", "MPO") or (
        kind == "WEBP" and (part := _WEBP.search(data)) is not None and part[0] == b"VP8 "
    )


def _written(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, icc_profile=None, **options)
    return file.getvalue()


def decode(members: Mapping[str, bytes]) -> np.ndarray:
    """The picture of a sample as H×W×3 uint8, upright, on white where it is transparent; DataError if it fails."""
    name = _only(members)
    return _read(members[name], _upright, STORED, lambda image: _check_ours(image, FORMATS[name]))


def header(members: Mapping[str, bytes]) -> tuple[int, int]:
    """Width and height of a sample's picture, upright, without decoding pixels; DataError as for `decode`."""
    name = _only(members)
    if not members[name]:
        raise DataError("the picture is empty")
    with _as_data_error(members[name], STORED), _open(members[name], STORED) as image:
        _check_ours(image, FORMATS[name])
        # Pillow decodes a whole PNG to find its EXIF (27 of 36 ms at 1024 pixels): do it only if it may have one.
        may_turn = image.format != "PNG" or any(mark in members[name] for mark in _TURNING)
        sideways = may_turn and image.getexif().get(_ORIENTATION, 1) in range(5, 9)
        return image.size[::-1] if sideways else image.size


def draft(members: Mapping[str, bytes]) -> np.ndarray | None:
    """Decodes a sample's JPEG at reduced size: the smallest of 1/8, 1/4 and 1/2 with at least THUMBNAIL pixels on the
    shorter side.

    H×W×3 uint8, cheap because the DCT gives it directly. None for other formats.
    """
    name = _only(members)
    if FORMATS[name] != "JPEG":
        return None

    def prepare(image: Image.Image) -> None:
        shorter = min(image.size)
        image.draft(None, tuple(side * THUMBNAIL // shorter for side in image.size))

    return _read(members[name], _upright, ("JPEG",), lambda image: _check_ours(image, "JPEG"), prepare)


def packed(pixels: np.ndarray) -> bytes:
    """Encodes a picture (H×W×3 uint8, or a mask H×W bool) as PNG; DataError if it is too large for a shard."""
    from seedream_core.data.storage import shards

    data = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(data, "PNG", compress_level=1)
    if data.tell() > shards.MEMBER_BYTES:
        raise DataError(
            f"too large: {pixels.shape[1]}×{pixels.shape[0]} pixels take {data.tell()} bytes as PNG, over "
            f"{shards.MEMBER_BYTES}"
        )
    return data.getvalue()


def reduced(pixels: np.ndarray) -> np.ndarray:
    """Averages the pixels over squares, as large as possible with THUMBNAIL pixels left on the shorter side."""
    factor = min(pixels.shape[:2]) // THUMBNAIL
    return np.asarray(Image.fromarray(pixels).reduce(factor)) if factor > 1 else pixels


def _only(members: Mapping[str, bytes]) -> str:
    """The name of the only picture member."""
    names = [name for name in members if name in FORMATS]
    if len(names) != 1:
        raise DataError(f"several pictures: {', '.join(names)}" if names else "no picture in the sample")
    return names[0]


def _check_ours(image: Image.Image, name: str) -> None:
    _check_size(image)
    if image.format != name:
        raise DataError(f"another format: a {image.format} that calls itself {name}")
    if image.mode not in _MODES:
        raise DataError(f"pixels are not supported: mode {image.mode}")
    if (frames := _frames(image)) > 1:
        raise DataError(f"several pictures: {frames} frames where one is needed")


def _upright(image: Image.Image) -> np.ndarray:
    upright = ImageOps.exif_transpose(image)
    return np.asarray((_on_white(upright) if _transparent(upright) else upright).convert("RGB"))


def _read(
    data: bytes,
    take: Callable[[Image.Image], T],
    formats: tuple[str, ...],
    check: Callable[[Image.Image], None],
    prepare: Callable[[Image.Image], None] = lambda image: None,
) -> T:
    """Decodes the picture completely, after `check` has accepted its header, and returns `take` of it."""
    if not data:
        raise DataError("the picture is empty")
    with _as_data_error(data, formats):
        with _open(data, formats) as image:
            check(image)
            # Loading skips the CRCs of a PNG's pixels: a flipped bit would go unnoticed.
            image.verify()
        with _open(data, formats) as image:
            prepare(image)
            image.load()
            return take(image)


@contextmanager
def _as_data_error(data: bytes, formats: tuple[str, ...]) -> Iterator[None]:
    """Converts any exception of Pillow to a DataError; hides its warnings about large pictures and broken EXIF, which
    are checked here.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except DataError:
        raise
    except UnidentifiedImageError:  # its own message names an address in memory
        raise DataError(f"undecodable picture: no {' or '.join(', '.join(formats).rsplit(', ', 1))}") from None
    # Pillow's plug-ins raise anything from SyntaxError to struct.error on a broken file.
    except Exception as error:
        kind = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "picture")
        raise DataError(f"undecodable {kind}: {str(error)[:100] or type(error).__name__}") from None


def _open(data: bytes, formats: tuple[str, ...]) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=formats)


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > PIXELS:
        raise DataError(f"too large: {width}×{height} pixels, over {PIXELS // 10**6} million")


def _normal(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """The pixels in the normal form, and the changes made."""
    changes = [] if image.format in STORED else [f"{image.format} to PNG"]
    if (frames := _frames(image)) > 1:
        changes.append(f"first of {frames} frames")
    profile = image.info.get("icc_profile")
    if image.getexif().get(_ORIENTATION, 1) in range(2, 9):
        image, changes = ImageOps.exif_transpose(image), [*changes, "turned upright"]
    if image.mode in _DEEP:
        image, changes, profile = _eight_bits(image), [*changes, DEEP], None
    if _transparent(image):
        image, changes = _on_white(image), [*changes, "put on white"]
    if profile and (managed := _to_srgb(image, profile)):
        image, changes = managed, [*changes, "colours to sRGB"]
    if image.mode not in ("RGB", "L"):
        changes.append(f"{image.mode} to RGB")
        image = image.convert("RGB")
    return image, tuple(changes)


def _frames(image: Image.Image) -> int:
    return getattr(image, "n_frames", 1)


def _transparent(image: Image.Image) -> bool:
    return "A" in image.getbands() or "transparency" in image.info


def _on_white(image: Image.Image) -> Image.Image:
    opaque = Image.new("RGBA", image.size, "white")
    opaque.alpha_composite(image.convert("RGBA"))
    return opaque.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise DataError("pixels of 32 bits have no known white")
    return Image.fromarray(((values.astype(np.int64) + 128) // 257).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """Converts colours by the picture's ICC profile; None if that is sRGB already or cannot be read, as browsers do."""
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(given).lower():
            return None
        return ImageCms.profileToProfile(image, given, _srgb(), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
