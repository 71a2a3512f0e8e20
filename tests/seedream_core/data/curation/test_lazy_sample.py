"""A thumbnail is the same whether the pixels were decoded before or not, and costs a JPEG no whole decoding."""

import io

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from seedream_core.data.curation import lazy_sample as views
from seedream_core.data.curation.lazy_sample import LazySample, portions, sound
from seedream_core.data.images import pictures
from seedream_core.errors import DataError
from seedream_core.records import Sample


def view(size: tuple[int, int], kind: str) -> LazySample:
    line = np.linspace(0, 255, size[0], dtype=np.uint8)
    pixels = np.broadcast_to(line[None, :, None], (size[1], size[0], 3))
    data = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(data, {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[kind])
    return LazySample(Sample(key="a", width=size[0], height=size[1], captions={}), {kind: data.getvalue()})


@pytest.mark.parametrize("kind", ["jpg", "png", "webp"])
@pytest.mark.parametrize("size", [(512, 400), (90, 64), (1500, 1200), (40, 30)])
def test_its_shorter_side_is_from_64_to_127_where_there_is_as_much(kind, size):
    first, second = view(size, kind), view(size, kind)
    assert second.pixels.shape == (size[1], size[0], 3)
    assert np.array_equal(first.thumbnail, second.thumbnail)
    shorter = min(first.thumbnail.shape[:2])
    assert shorter == min(size) if min(size) < 64 else 64 <= shorter < 128
    assert abs(float(first.thumbnail.mean()) - float(second.pixels.mean())) < 2


def test_further_pictures_are_those_beside_its_own():
    names = ("jpg", "json", "txt", "target1.png", "ref0.webp", "ref1.jfif", "meta.json", "latent.safetensors")
    assert LazySample(view((40, 30), "jpg").sample, dict.fromkeys(names, b"")).further == [
        "ref0.webp",
        "ref1.jfif",
        "target1.png",
    ]
    assert view((40, 30), "png").further == []


def test_a_jpeg_is_not_decoded_whole_for_it(monkeypatch):
    monkeypatch.setattr(pictures, "decode", lambda members: pytest.fail("decoded whole"))
    assert view((512, 512), "jpg").thumbnail.shape == (64, 64, 3)


def test_a_broken_picture_says_so_in_either_size():
    good = view((512, 512), "jpg")
    broken = LazySample(good.sample, {"jpg": good.members["jpg"][:900]})
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
    for bad, reason in (
        ({}, "no picture"),
        ({"jpg": b""}, "empty"),
        ({"png": data.getvalue()}, "calls itself PNG"),
        ({"jpg": b"\xff\xd8no"}, "undecodable"),
    ):
        with pytest.raises(DataError, match=reason):
            pictures.header(bad)


@pytest.mark.parametrize("late", [False, True])
def test_the_header_of_a_png_costs_no_decoding_and_still_tells_which_side_is_up(late, monkeypatch):
    turned, plain = io.BytesIO(), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 8
    picture = Image.effect_noise((40, 20), 50)
    picture.save(turned, "PNG", exif=exif)
    picture.save(plain, "PNG")
    data = turned.getvalue()
    if late:  # the chunk may also stand behind the pixels
        start = data.index(b"eXIf") - 4
        end = start + 12 + int.from_bytes(data[start : start + 4])
        data = data[:start] + data[end:-12] + data[start:end] + data[-12:]
    assert pictures.header({"png": data}) == (20, 40) == pictures.decode({"png": data}).shape[1::-1]
    monkeypatch.setattr(PngImageFile, "load", lambda self: pytest.fail("decoded whole"))
    assert pictures.header({"png": plain.getvalue()}) == (40, 20)


def test_what_is_a_box():
    right = [{"kind": "text", "box": [0, 0.1, 1, 0.2]}, {"kind": "logo", "box": (0, 0, 0, 0), "score": 1, "more": None}]
    wrong = [
        None,
        "box",
        [0, 0, 1, 1],
        {},
        {"kind": "logo"},
        {"box": [0, 0, 1, 1]},
        {"kind": "logo", "box": "x"},
        {"kind": "logo", "box": [0, 0, float("nan"), 1]},
        {"kind": "logo", "box": [0, 0, 10**400, 1]},
        {"kind": "logo", "box": [1, 0, 0, 1]},
        {"kind": "logo", "box": [0, 0, True, 1]},
        {"kind": "logo", "box": [0, 0, 1, 1], "score": "x"},
        {"kind": "text", "box": [0, 0, 1, 1], "text": 5},
    ]
    assert sound([*wrong, *right]) == right


def test_portions_hold_so_many_pixels_and_every_view_once(monkeypatch):
    monkeypatch.setattr(views, "PIXELS", 10_000)
    sides = [100, 50, 50, 50, 200, 10, 10, 98]
    given = {
        place + 7: LazySample(Sample(key="a", width=side, height=side, captions={})) for place, side in enumerate(sides)
    }
    assert list(portions(given)) == [[7], [8, 9, 10], [11], [12, 13, 14]] and list(portions({})) == []


def test_what_is_forgotten_is_decoded_again():
    one = view((80, 70), "png")
    pixels, thumbnail = one.pixels, one.thumbnail
    one.forget()
    assert (
        not {"pixels", "thumbnail"} & vars(one).keys()
        and np.array_equal(one.pixels, pixels)
        and np.array_equal(one.thumbnail, thumbnail)
    )
    given = LazySample.of(one.sample, pixels)
    given.forget()
    assert given.pixels is pixels
