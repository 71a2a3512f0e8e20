"""Marks are cropped away on the cheapest side, boxes follow, poor lines cost the sample its place."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from seedream_core.data.captioning.text_crops import Rules, around, letter
from seedream_core.data.curation.lazy_sample import LazySample, sound
from seedream_core.data.images.pictures import decode
from seedream_core.data.storage import shards
from seedream_core.errors import DataError
from seedream_core.records import Sample

RULES = Rules(("watermark",), 0.25, 0.8, 8)


def view(*boxes: dict) -> LazySample:
    pixels = np.zeros((100, 200, 3), np.uint8)
    for box in sound(boxes):
        left, top, right, bottom = (round(side * length) for side, length in zip(box["box"], (200, 100, 200, 100)))
        pixels[top:bottom, left:right] = (255, 0, 0) if box["kind"] == "watermark" else (0, 255, 0)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    sample = Sample(key="a", width=200, height=100, captions={"en": {"short": "a sign"}}, boxes=boxes)
    return LazySample(sample, {"png": data.getvalue(), "json": b"{}"})


def line(text="SALE", box=(0.25, 0.2, 0.75, 0.4), score=0.9) -> dict:
    return {"kind": "text", "box": list(box), "score": score, "text": text}


def mark(*box: float) -> dict:
    return {"kind": "watermark", "box": list(box), "score": 0.9}


@pytest.mark.parametrize(
    "marks, frame",
    [
        ([], (0, 0, 1, 1)),
        ([(0.8, 0.9, 1, 1)], (0, 0, 1, 0.9)),
        ([(0.95, 0.1, 1, 0.9)], (0, 0, 0.95, 1)),
        ([(0, 0, 1, 0.05), (0, 0, 0.1, 1)], (0.1, 0.05, 1, 1)),
        ([(0, 0.9, 1, 1), (0.9, 0.95, 1, 1)], (0, 0, 1, 0.9)),
    ],
)
def test_around(marks, frame):
    assert around(marks) == pytest.approx(frame)


def test_a_mark_is_cropped_and_the_line_follows():
    members, why = letter(view(line(), mark(0.7, 0.8, 1, 1)), RULES)
    assert why == "" and set(members) == {"png", "json"}
    sample, pixels = Sample.from_json(members["json"]), decode(members)
    assert (sample.width, sample.height) == (200, 80) == pixels.shape[1::-1] and not (pixels[..., 0] == 255).any()
    (box,) = sample.boxes
    assert box["box"] == pytest.approx([0.25, 0.25, 0.75, 0.5]) and box["text"] == "SALE"
    left, top, right, bottom = (round(side * length) for side, length in zip(box["box"], (200, 80, 200, 80)))
    assert (pixels[top:bottom, left:right, 1] == 255).all()
    assert sample.captions == {
        "en": {"short": "a sign", "textual": 'with the text "SALE"'},
        "zh": {"textual": "图中写着“SALE”"},
    }


def test_a_cropped_picture_loses_what_was_true_of_the_whole():
    drawn = {"texts": [["SALE", [50, 20, 150, 40]], ["GONE", [150, 85, 190, 95]]]}
    given = view(line(), mark(0.7, 0.8, 1, 1))
    given.sample = replace(given.sample, truth=drawn, scores={"sharpness": 0.7})
    sample = Sample.from_json(letter(given, RULES)[0]["json"])
    assert sample.captions["en"]["textual"] == 'with the text "SALE"' and sample.truth is None and sample.scores == {}
    whole = view(line())
    whole.sample = replace(whole.sample, truth=drawn, scores={"sharpness": 0.7})
    sample = Sample.from_json(letter(whole, RULES)[0]["json"])
    assert (
        sample.captions["en"]["textual"] == 'with the text "SALE", "GONE"'
        and sample.truth == drawn
        and sample.scores == {"sharpness": 0.7}
    )


def test_a_tuple_is_never_cropped():
    def together(*boxes: dict) -> LazySample:
        given = view(*boxes)
        given.members = {**given.members, "ref0.png": given.members["png"], "editmask.png": given.members["png"]}
        return given

    assert letter(together(line(), mark(0.7, 0.8, 1, 1)), RULES) == (
        None,
        "tuple: editmask.png, ref0.png would not be cropped with its picture",
    )
    assert set(letter(together(line()), RULES)[0]) == {"png", "ref0.png", "editmask.png", "json"}


def test_without_marks_the_bytes_stay():
    given = view(line())
    members, _ = letter(given, RULES)
    assert members["png"] == given.members["png"]


@pytest.mark.parametrize(
    "boxes, reason",
    [
        ([], "no text in it"),
        ([line("★"), line("++", (0.1, 0.6, 0.4, 0.8))], r"no text in it: '★', '\+\+' has no letter or digit"),
        ([line("★", score=0.5)], "poor line: '★'"),
        ([line(" ")], "poor line: ' '"),
        ([line(), mark(0, 0.6, 1, 1)], "marks: cropping 1 away would take 40% of the picture, over 25%"),
        ([line(), mark(0.4, 0, 0.6, 0.25)], "marks: cropping them away would cut a line of text"),
        ([line(), line("blurry", (0.1, 0.6, 0.4, 0.8), 0.6)], r"poor line: 'blurry' \(confidence 0.60"),
        ([line("tiny", (0.1, 0.6, 0.4, 0.65))], "5 pixels high"),
        (
            [line(str(number), (0.1, number / 14, 0.9, (number + 1) / 14), 0.9) for number in range(1, 14)],
            "much text: over the 12 strings",
        ),
    ],
)
def test_what_teaches_nothing(boxes, reason):
    members, why = letter(view(*boxes), replace(RULES, min_height=6))
    assert members is None
    assert re.search(reason, why), why


def test_a_shape_that_was_read_is_no_line():
    members, why = letter(view(line(), line("★", (0.1, 0.6, 0.4, 0.95)), mark(0, 0.9, 1, 1)), RULES)
    sample = Sample.from_json(members["json"])
    assert (
        why == ""
        and sample.captions["en"]["textual"] == 'with the text "SALE"'
        and [box["text"] for box in sample.boxes] == ["SALE"]
    )
    members, _ = letter(view(line("今"), line("٣", (0.1, 0.6, 0.4, 0.8))), RULES)
    assert Sample.from_json(members["json"]).captions["en"]["textual"] == 'with the text "今", "٣"'


def test_what_else_the_record_marks_stays_and_follows():
    face, gone = {"kind": "face", "box": [0.5, 0.6, 0.7, 0.9]}, {"kind": "face", "box": [0.1, 0.85, 0.2, 1.0]}
    members, _ = letter(view(line(), mark(0.7, 0.8, 1, 1), face, gone), RULES)
    first, second = Sample.from_json(members["json"]).boxes
    assert first["kind"] == "text" and second == {"kind": "face", "box": pytest.approx([0.5, 0.75, 0.7, 1.0])}


def test_a_line_that_is_sure_enough_is_quoted():
    members, _ = letter(view(line(score=0.6)), replace(RULES, min_confidence=0.5))
    assert Sample.from_json(members["json"]).captions["en"]["textual"] == 'with the text "SALE"'


@pytest.mark.parametrize(
    "box",
    [
        7,
        {"kind": "text"},
        line(box=("x",) * 4),
        line(box=(0, 0, 1)),
        line(box=(0, 0, 1, 1e400)),
        line(text=5),
        line(score="high"),
        line(box=(0.9, 0, 0.1, 1)),
        {"kind": 3, "box": [0, 0, 1, 1]},
        {"kind": "watermark", "box": None},
    ],
)
def test_what_is_no_box_is_reported(box):
    with pytest.raises(DataError, match="malformed box: "):
        letter(view(line(), box), RULES)


def test_a_crop_that_is_too_large_for_a_shard_is_reported(monkeypatch):
    monkeypatch.setattr(shards, "MEMBER_BYTES", 100)
    with pytest.raises(DataError, match="bytes as PNG, over 100"):
        letter(view(line(), mark(0.7, 0.8, 1, 1)), RULES)
