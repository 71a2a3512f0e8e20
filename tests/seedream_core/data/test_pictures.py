"""Pictures come out upright on white; bombs, fakes and broken files are named and not decoded."""

import io
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from seedream_core.data.pictures import decode
from seedream_core.errors import DataError


def encoded(image: Image.Image, format: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def picture(mode: str = "RGB", size=(20, 10)) -> Image.Image:
    ramp = np.linspace(0, 255, size[0] * size[1] * 3).astype(np.uint8).reshape(size[1], size[0], 3)
    return Image.fromarray(ramp).convert(mode)


def bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_png_modes(mode):
    pixels = decode({"png": encoded(picture(mode)), "json": b"{}"})
    assert pixels.shape == (10, 20, 3) and pixels.dtype == np.uint8
    assert np.array_equal(pixels, np.asarray(picture(mode).convert("RGB")))


@pytest.mark.parametrize("extension, format", [("jpg", "JPEG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_other_formats(extension, format):
    pixels = decode({extension: encoded(picture(), format, quality=95)})
    assert np.abs(pixels.astype(int) - np.asarray(picture())).mean() < 8


def test_transparency_is_white_and_exif_is_upright():
    assert decode({"png": encoded(Image.new("RGBA", (4, 4), (255, 0, 0, 0)))}).min() == 255
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode({"jpg": encoded(picture(), "JPEG", exif=exif)}).shape == (20, 10, 3)


@pytest.mark.parametrize("members, reason", [
    ({}, "no picture"),
    ({"png": b"", "json": b""}, "empty"),
    ({"png": b"x", "jpg": b"y"}, "2 pictures"),
    ({"png": b"not a picture"}, "undecodable"),
    ({"png": encoded(picture())[:-30]}, "undecodable"),
    ({"png": encoded(picture(), "JPEG")}, "calls itself PNG"),
    ({"png": encoded(picture(), "GIF")}, "undecodable"),
    ({"png": encoded(Image.new("I;16", (4, 4)))}, "mode I;16"),
    ({"webp": encoded(picture(), "WEBP", save_all=True, append_images=[picture().rotate(90)])}, "2 frames"),
])
def test_refused(members, reason):
    with pytest.raises(DataError, match=reason):
        decode(members)


def test_one_flipped_bit_of_a_png_is_noticed():
    sound = encoded(picture())
    for offset in range(len(sound) - 12):  # what follows is the end mark, without pixels
        broken = bytearray(sound)
        broken[offset] ^= 1
        with pytest.raises(DataError):
            decode({"png": bytes(broken)})


@pytest.mark.parametrize("side", [(8001, 8000), (10_000, 10_000), (14_000, 14_000), (2**31 - 1, 2**31 - 1)])
def test_bombs_are_refused_by_their_header(side):
    started = time.perf_counter()
    with pytest.raises(DataError, match="million|undecodable"):
        decode({"png": bomb(*side)})
    assert time.perf_counter() - started < 0.5
