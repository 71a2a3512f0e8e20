"""A PNG says how it was made, in any script, and loses no bit of its pixels or settings."""

import json
from dataclasses import replace
from pathlib import Path

import numpy
import pytest
from PIL import Image, PngImagePlugin

from seedream_core.errors import UserError
from seedream_core.flow.guidance.interval import IntervalGuidance
from seedream_core.generate import metadata
from seedream_core.generate.metadata import Origin, Request

REQUEST = Request(
    prompt="灰色背景上有三个紫色五角星 — “a\nb”", seed=7, width=64, height=32, steps=4, guidance=1 / 3, solver="euler"
)
ORIGIN = Origin(request=REQUEST, model_digest="ab12", version="0.1.0")


@pytest.fixture
def pixels():
    return numpy.random.default_rng(0).integers(0, 256, (32, 64, 3), dtype=numpy.uint8)


def test_round_trip(tmp_path, pixels):
    metadata.save(tmp_path / "a.png", pixels, ORIGIN)
    assert metadata.origin(tmp_path / "a.png") == ORIGIN
    assert (metadata.load(tmp_path / "a.png") == pixels).all()
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_it_is_itxt_that_any_reader_shows(tmp_path, pixels):
    metadata.save(tmp_path / "a.png", pixels, ORIGIN)
    assert (tmp_path / "a.png").read_bytes().count(b"iTXt") == 8
    with Image.open(tmp_path / "a.png") as image:
        assert (
            image.text["prompt"] == REQUEST.prompt
            and image.text["size"] == "64x32"
            and image.text["model_digest"] == "ab12"
        )


def test_a_guidance_rule_is_kept_where_it_is_not_plain(tmp_path, pixels):
    ruled = replace(ORIGIN, request=replace(REQUEST, guidance_rule=IntervalGuidance(start=0.2, end=0.8)))
    metadata.save(tmp_path / "a.png", pixels, ruled)
    assert metadata.origin(tmp_path / "a.png") == ruled
    row = json.loads(metadata.index_line("a.png", ruled.request))
    assert row["guidance_rule"] == {"name": "interval", "start": 0.2, "end": 0.8}
    assert "guidance_rule" not in json.loads(metadata.index_line("a.png", REQUEST))
    text = (tmp_path / "a.png").read_bytes()
    assert text.count(b"interval") == 1
    with Image.open(tmp_path / "a.png") as image:
        damaged = PngImagePlugin.PngInfo()
        for key, value in image.text.items():
            damaged.add_itxt(key, value.replace("interval", "intervals"))
        image.save(tmp_path / "b.png", pnginfo=damaged)
    with pytest.raises(UserError, match="its description is damaged .*did you mean 'interval'"):
        metadata.origin(tmp_path / "b.png")


def test_without_metadata(tmp_path, pixels):
    metadata.save(tmp_path / "a.png", pixels)
    assert b"iTXt" not in (tmp_path / "a.png").read_bytes()
    with pytest.raises(UserError, match="does not say how it was made"):
        metadata.origin(tmp_path / "a.png")


def test_damaged_or_absent_files(tmp_path, pixels):
    with pytest.raises(UserError, match="no such file"):
        metadata.origin(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(UserError, match="not a readable PNG"):
        metadata.origin(tmp_path / "text.png")
    metadata.save(tmp_path / "a.png", pixels, ORIGIN)
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError):
        metadata.origin(tmp_path / "cut.png")
    (tmp_path / "bad.png").write_bytes(whole)
    with Image.open(tmp_path / "bad.png") as image:
        from PIL import PngImagePlugin

        info = PngImagePlugin.PngInfo()
        for key, text in image.text.items():
            info.add_itxt(key, "many" if key == "steps" else text)
        image.save(tmp_path / "bad.png", pnginfo=info)
    with pytest.raises(UserError, match="damaged"):
        metadata.origin(tmp_path / "bad.png")


def sheet(pixels, columns=None):
    requests = [replace(REQUEST, width=picture.shape[1], height=picture.shape[0]) for picture in pixels]
    made = metadata.Sheet(requests, columns)
    for picture in pixels:
        made.add(picture)
    return made


@pytest.mark.parametrize(
    "count, columns, shape", [(1, None, (4, 8)), (4, None, (10, 18)), (5, None, (10, 28)), (6, 2, (16, 18))]
)
def test_sheet_of_all_pictures(count, columns, shape):
    made = sheet([numpy.full((4, 8, 3), index, numpy.uint8) for index in range(count)], columns)
    assert made.pixels.shape == (*shape, 3)
    assert (made.pixels[:4, :8] == 0).all() and set(numpy.unique(made.pixels)) - {255} == set(range(count))


def test_a_large_sheet_is_shrunk(monkeypatch):
    monkeypatch.setattr(metadata, "MOST_PIXELS", 1000)
    made = sheet([numpy.full((33, 64, 3), 9, numpy.uint8)] * 4)
    assert made.shrink == 3 and made.pixels.shape == (24, 46, 3) and (made.pixels[:11, :22] == 9).all()


def test_version_is_a_word():
    assert metadata.version()


def test_index_line_keeps_the_prompt_readable():
    assert '"file": "00000.png"' in (line := metadata.index_line("00000.png", REQUEST, kind="several"))
    assert "五角星" in line and '"kind": "several"' in line and line.count("\n") == 1


def test_what_cannot_be_written_is_one_message_and_leaves_nothing(tmp_path, monkeypatch):
    pixels = numpy.zeros((16, 16, 3), "uint8")
    with pytest.raises(UserError, match="cannot be written"):
        metadata.save(tmp_path / "nowhere" / "a.png", pixels)
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(UserError, match="No space left on device"):
        metadata.save(tmp_path / "a.png", pixels)
    assert not list(tmp_path.iterdir())
