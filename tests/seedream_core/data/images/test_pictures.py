"""Pictures come out upright on white; bombs, fakes and broken files are named and not decoded."""

import io
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from seedream_core.data.images.pictures import TooSmall, decode, normalise
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
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_png_modes(mode):
    pixels = decode({"png": encoded(picture(mode)), "json": b"{}"})
    assert pixels.shape == (10, 20, 3) and pixels.dtype == np.uint8
    assert np.array_equal(pixels, np.asarray(picture(mode).convert("RGB")))


@pytest.mark.parametrize(
    "extension, format", [("jpg", "JPEG"), ("jpeg", "JPEG"), ("jpe", "JPEG"), ("jfif", "JPEG"), ("webp", "WEBP")]
)
def test_other_formats(extension, format):
    pixels = decode({extension: encoded(picture(), format, quality=95)})
    assert np.abs(pixels.astype(int) - np.asarray(picture())).mean() < 8


def test_transparency_is_white_and_exif_is_upright():
    assert decode({"png": encoded(Image.new("RGBA", (4, 4), (255, 0, 0, 0)))}).min() == 255
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode({"jpg": encoded(picture(), "JPEG", exif=exif)}).shape == (20, 10, 3)


@pytest.mark.parametrize(
    "members, reason",
    [
        ({}, "no picture"),
        ({"png": b"", "json": b""}, "empty"),
        ({"png": b"x", "jpg": b"y"}, "several pictures: png, jpg"),
        ({"png": b"not a picture"}, "undecodable"),
        ({"png": encoded(picture())[:-30]}, "undecodable"),
        ({"png": encoded(picture(), "JPEG")}, "calls itself PNG"),
        ({"png": encoded(picture(), "GIF")}, "undecodable"),
        ({"png": encoded(Image.new("I;16", (4, 4)))}, "mode I;16"),
        ({"webp": encoded(picture(), "WEBP", save_all=True, append_images=[picture().rotate(90)])}, "2 frames"),
    ],
)
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


def swapped_profile() -> bytes:
    """sRGB whose red is blue, under another name."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile.replace("sRGB".encode("utf-16-be"), "xxxx".encode("utf-16-be")).replace(b"sRGB", b"xxxx")
    table, rest = profile[:300], profile[300:]
    return table.replace(b"rXYZ", b"----").replace(b"bXYZ", b"rXYZ").replace(b"----", b"bXYZ") + rest


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(picture(), "JPEG", exif=exif, quality=95)


def deep(dtype=np.uint16) -> Image.Image:
    return Image.fromarray((np.arange(200).reshape(10, 20) * 300).astype(dtype))


def translucent(mode: str) -> Image.Image:
    image = picture("RGB").convert("RGBA")
    image.putalpha(128)
    return image if mode == "RGBA" else image.convert(mode)


STRANGE = {
    "turned": (turned(), "turned upright"),
    "cmyk": (encoded(picture("CMYK"), "JPEG"), "CMYK to RGB"),
    "16 bits": (encoded(deep()), "16 bits to 8"),
    "16 bits in TIFF": (encoded(deep(), "TIFF"), "16 bits to 8"),
    "alpha": (encoded(translucent("RGBA")), "put on white"),
    "alpha in WebP": (encoded(translucent("RGBA"), "WEBP", lossless=True), "put on white"),
    "palette": (encoded(picture("P")), "P to RGB"),
    "palette with a hole": (encoded(picture("P"), transparency=0), "put on white"),
    "one bit": (encoded(picture("1")), "1 to RGB"),
    "profile": (encoded(picture(), icc_profile=swapped_profile()), "colours to sRGB"),
    "GIF": (encoded(picture("P"), "GIF"), "GIF to PNG"),
    "BMP": (encoded(picture(), "BMP"), "BMP to PNG"),
    "TIFF": (encoded(picture(), "TIFF"), "TIFF to PNG"),
    "moving GIF": (
        encoded(picture("P"), "GIF", save_all=True, append_images=[picture("P").rotate(180), picture("P")]),
        "first of 3 frames",
    ),
    "moving WebP": (
        encoded(picture(), "WEBP", save_all=True, append_images=[picture().rotate(180)], lossless=True),
        "first of 2 frames",
    ),
}


@pytest.mark.parametrize("name", STRANGE)
def test_strange_pictures_come_to_the_normal_form(name):
    data, change = STRANGE[name]
    found = normalise(data)
    assert change in found.changes and found.extension == "png"
    again = normalise(found.data)
    assert again.changes == () and again.data == found.data
    pixels = decode({"png": found.data})
    assert pixels.shape == (found.height, found.width, 3) == ((20, 10, 3) if name == "turned" else (10, 20, 3))


def test_normal_pictures_keep_their_bytes():
    sure = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for data, extension in (
        (encoded(picture()), "png"),
        (encoded(picture("L"), "JPEG"), "jpg"),
        (encoded(picture(), "WEBP"), "webp"),
        (encoded(picture(), icc_profile=sure), "png"),
        (encoded(picture(), icc_profile=b"none"), "png"),
    ):
        found = normalise(data)
        assert (found.data, found.extension, found.changes) == (data, extension, ())


def test_colours_mean_what_they_meant():
    red = Image.new("RGB", (4, 4), (250, 0, 0))
    pixels = decode({"png": normalise(encoded(red, icc_profile=swapped_profile())).data})
    assert pixels[0, 0, 2] > 200 > 60 > pixels[0, 0, 0]
    assert decode({"png": normalise(encoded(deep())).data})[9, 19, 0] == round(199 * 300 / 257)
    half = decode({"png": normalise(encoded(translucent("RGBA"))).data}).astype(int)
    assert abs(half - (np.asarray(picture()).astype(int) + 255) / 2).max() <= 1
    first = decode({"png": normalise(STRANGE["moving WebP"][0]).data})
    assert np.array_equal(first, np.asarray(picture()))


def test_a_png_of_16_bits_and_three_colours_comes_to_8():
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes([200, 7, 100, 7, 0, 7] * 4) for _ in range(3))
    deep = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 3, 16, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    found = normalise(deep)
    assert found.changes == ("16 bits to 8",) and normalise(found.data).changes == ()
    assert decode({"png": found.data})[0, 0].tolist() == [200, 100, 0]


def test_a_size_is_reached_by_scaling_down_and_cropping():
    found = normalise(encoded(picture(size=(64, 32))), (16, 16))
    assert (found.width, found.height) == (16, 16) and "scaled to 16×16" in found.changes
    assert normalise(encoded(picture(size=(16, 16))), (16, 16)).changes == ()
    with pytest.raises(TooSmall, match="too small: 20×10 pixels, under 16×16"):
        normalise(encoded(picture()), (16, 16))


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"", "empty"),
        (b"GIF89a", "undecodable"),
        (bomb(10000, 10000), "over 64 million"),
        (encoded(picture(size=(200, 100)), "JPEG")[:-400], "undecodable JPEG: image file is truncated"),
        (encoded(deep(np.float32), "TIFF"), "no known white"),
        (encoded(Image.fromarray(np.full((9, 9), 70000, np.int32)), "TIFF"), "no known white"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "undecodable"),
    ],
)
def test_what_is_no_picture_is_refused(data, reason):
    with pytest.raises(DataError, match=reason):
        normalise(data)


def test_single_jpegs_with_anything_behind_them_keep_their_bytes():
    for tail in (b"", b"\0" * 10, encoded(picture(), "JPEG")):
        data = encoded(picture(), "JPEG") + tail
        assert (normalise(data).data, normalise(data).changes) == (data, ())


@pytest.mark.parametrize(
    "format, options, extension",
    [
        ("MPO", {"quality": 30}, "jpg"),
        ("WEBP", {"quality": 30}, "jpg"),
        ("WEBP", {"lossless": True}, "png"),
        ("PNG", {}, "png"),
    ],
)
def test_what_was_approximate_may_become_a_jpeg_where_a_png_is_too_large(format, options, extension, monkeypatch):
    noise, turned = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8), Image.Exif()
    turned[0x0112] = 6
    more = {"save_all": True, "append_images": [picture()]} if format == "MPO" else {}
    monkeypatch.setattr("seedream_core.data.storage.shards.MEMBER_BYTES", 2000)
    found = normalise(encoded(Image.fromarray(noise), format, exif=turned, **options, **more))
    assert found.extension == extension and (found.width, found.height) == (40, 30)
    assert any(change.startswith("JPEG of quality 95") for change in found.changes) == (extension == "jpg")


def test_a_turned_photograph_that_is_too_large_as_png_stays_a_jpeg(monkeypatch):
    noise, turned, file = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8), Image.Exif(), io.BytesIO()
    turned[0x0112] = 6
    Image.fromarray(noise).save(file, "JPEG", quality=30, exif=turned)
    assert normalise(file.getvalue()).extension == "png"
    monkeypatch.setattr("seedream_core.data.storage.shards.MEMBER_BYTES", 2000)  # as PNG it has 3698
    made = normalise(file.getvalue())
    assert (
        made.extension == "jpg"
        and made.changes[-1].startswith("JPEG of quality 95")
        and (made.width, made.height) == (40, 30)
    )
    upright = np.asarray(ImageOps.exif_transpose(Image.open(file)), int)
    assert np.abs(np.asarray(Image.open(io.BytesIO(made.data)), int) - upright).mean() < 4


@pytest.mark.parametrize(
    "options", [{"quality": 95}, {"progressive": True}, {"restart_marker_blocks": 1, "subsampling": 0}]
)
def test_a_photograph_with_further_pictures_keeps_the_bytes_of_its_first(options):
    first, second = picture(size=(40, 24)), picture(size=(40, 24)).rotate(180)
    file = encoded(first, "MPO", save_all=True, append_images=[second, second], **options)
    with Image.open(io.BytesIO(file)) as whole:
        assert (whole.format, whole.n_frames) == ("MPO", 3)
        shown = np.asarray(whole)
    found = normalise(file)
    assert (found.extension, found.changes) == ("jpg", ("first picture alone of a JPEG with MPF",))
    assert (
        found.data.count(b"\xff\xd8") == found.data.count(b"\xff\xd9") == 1
        and b"MPF" not in found.data
        and len(found.data) < len(file) / 2.5
    )
    assert found.data[-200:-2] in file and np.array_equal(decode({"jpg": found.data}), shown)
    assert normalise(found.data).changes == () and normalise(found.data).data == found.data
    cropped = normalise(file, (16, 16))
    assert cropped.extension == "png" and cropped.changes == (
        "first picture alone of a JPEG with MPF",
        "scaled to 16×16",
    )
    # Tools that drop the further pictures leave the table of them.
    end = file.index(b"\xff\xd9") + 2
    assert normalise(file[:end]).data == found.data
    with pytest.raises(DataError, match="undecodable JPEG"):
        normalise(file[: end - 40])
