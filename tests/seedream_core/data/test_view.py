"""A thumbnail is the same whether the pixels were decoded before or not, and costs a JPEG no whole decoding."""

import io

import numpy as np
import pytest
from PIL import Image

from seedream_core.data import pictures
from seedream_core.data.view import View
from seedream_core.errors import DataError
from seedream_core.records import Sample


def view(size: tuple[int, int], kind: str) -> View:
    line = np.linspace(0, 255, size[0], dtype=np.uint8)
    pixels = np.broadcast_to(line[None, :, None], (size[1], size[0], 3))
    data = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(data, {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[kind])
    return View(Sample(key="a", width=size[0], height=size[1], captions={}), {kind: data.getvalue()})


@pytest.mark.parametrize("kind", ["jpg", "png", "webp"])
@pytest.mark.parametrize("size", [(512, 400), (90, 64), (1500, 1200), (40, 30)])
def test_its_shorter_side_is_from_64_to_127_where_there_is_as_much(kind, size):
    first, second = view(size, kind), view(size, kind)
    assert second.pixels.shape == (size[1], size[0], 3)
    assert np.array_equal(first.thumbnail, second.thumbnail)
    shorter = min(first.thumbnail.shape[:2])
    assert shorter == min(size) if min(size) < 64 else 64 <= shorter < 128
    assert abs(float(first.thumbnail.mean()) - float(second.pixels.mean())) < 2


def test_a_jpeg_is_not_decoded_whole_for_it(monkeypatch):
    monkeypatch.setattr(pictures, "decode", lambda members: pytest.fail("decoded whole"))
    assert view((512, 512), "jpg").thumbnail.shape == (64, 64, 3)


def test_a_broken_picture_says_so_in_either_size():
    good = view((512, 512), "jpg")
    broken = View(good.sample, {"jpg": good.members["jpg"][:900]})
    for what in ("thumbnail", "pixels"):
        with pytest.raises(DataError, match="undecodable JPEG"):
            getattr(broken, what)


def test_the_header_tells_the_size_upright():
    data = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(data, "JPEG", exif=exif)
    members = {"jpg": data.getvalue()}
    assert pictures.header(members) == (20, 40) == pictures.decode(members).shape[1::-1]
    for bad, reason in (({}, "no picture"), ({"jpg": b""}, "empty"), ({"png": data.getvalue()}, "calls itself PNG"), ({"jpg": b"\xff\xd8no"}, "undecodable")):
        with pytest.raises(DataError, match=reason):
            pictures.header(bad)
