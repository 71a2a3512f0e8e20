"""Strings in quotes: of boxes and of drawn pictures, in reading order; shapes that OCR took for letters are none."""

import json

import pytest

from seedream_core.data.captioning.captioners.strings import StringsCaptioner, has_letters, in_order, written
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.storage.shards import ShardReader
from seedream_core.records import Sample
from seedream_core.stages.data.caption import CaptionStage
from seedream_core.stages.data.knowledge import KnowledgeStage
from seedream_core.synthetic.documents import Knowledge as Kind
from seedream_core.workflow.host import Host


def view(*boxes, truth=None) -> LazySample:
    return LazySample(Sample(key="a", width=100, height=100, captions={}, boxes=boxes, truth=truth))


def line(text: str, *box: float, score: float = 0.9) -> dict:
    return {"kind": "text", "text": text, "box": list(box), "score": score}


def test_boxes_in_reading_order_and_only_sure_ones():
    one = view(
        line("right", 0.5, 0.12, 0.9, 0.2),
        line("below", 0, 0.5, 0.3, 0.6),
        line("Left", 0, 0.1, 0.4, 0.2),
        line("faint", 0, 0, 1, 0.05, score=0.5),
    )
    assert written(one, 0.8) == ["Left", "right", "below"]
    (captions,) = StringsCaptioner().start(Host())([one])
    assert captions == {
        "en": {"textual": 'with the text "Left", "right", "below"'},
        "zh": {"textual": "图中写着“Left”、“right”、“below”"},
    }
    assert StringsCaptioner(max_strings=2).start(Host())([one]) == [{}]


def test_tops_of_one_row_may_differ():
    cells = [
        ("tea", 0, 13, 30, 20),
        ("Tea", 40, 10, 70, 20),
        ("gym", 80, 13, 99, 23),
        ("next", 0, 24, 30, 34),
        ("Row", 40, 24, 70, 34),
    ]
    boxes = [{"text": text, "box": box} for text, *box in reversed(cells)]
    assert [box["text"] for box in in_order(boxes)] == ["tea", "Tea", "gym", "next", "Row"] and in_order([]) == []
    turned = {"text": "Price", "box": [0, 10, 6, 32]}  # beside both rows, and swallows neither
    right = [
        {"text": box["text"], "box": [box["box"][0] + 10, box["box"][1], box["box"][2] + 10, box["box"][3]]}
        for box in boxes
    ]
    assert [box["text"] for box in in_order([*right, turned])] == ["tea", "Tea", "gym", "Price", "next", "Row"]


def test_whether_a_line_is_turned_is_seen_in_pixels():
    boxes = line("two", 0.5, 0.2, 0.7, 0.6), line("one", 0.1, 0.2, 0.3, 0.6), line("under", 0.1, 0.7, 0.3, 0.9)
    wide = LazySample(
        Sample(key="a", width=400, height=100, captions={}, boxes=boxes)
    )  # in shares "one" and "two" are higher than wide
    assert written(wide, 0.8) == ["one", "two", "under"]


@pytest.mark.parametrize(
    "text, is_text",
    [
        ("SALE", True),
        ("開", True),
        ("5", True),
        ("٣", True),
        ("न", True),
        ("a!", True),
        ("★", False),
        ("++", False),
        ("—", False),
        ("", False),
    ],
)
def test_a_text_has_a_letter_or_a_digit(text, is_text):
    assert has_letters(text) is is_text and written(view(line(text, 0, 0, 1, 1)), 0.8) == [text] * is_text


def test_what_is_drawn_is_quoted_as_it_is():
    drawn = [["B", [50, 10, 60, 20]], ["A", [0, 10, 10, 20]], ["+", [20, 12, 30, 18]]]
    assert written(view(line("read", 0, 0, 1, 1), truth={"texts": drawn}), 0.8) == ["A", "+", "B"]  # truth before OCR
    strange = [["ok", [0, 0, 1, 1]], "x", [3, [0, 0, 1, 1]], ["y", [0, 1]], ["", [0, 0, 1, 1]]]
    assert written(view(truth={"texts": strange}), 0.8) == ["ok"] and written(view(truth={"texts": 5}), 0.8) == []


def test_knowledge_pictures_get_their_texts(tmp_path):
    for name in ("drawn", "captioned"):
        (tmp_path / name).mkdir()
    KnowledgeStage(samples=12, sides=(256, 384), kinds=(Kind.find("chart")(), Kind.find("table")())).run(
        tmp_path / "drawn", Host(workers=1)
    )
    metrics = CaptionStage(data=tmp_path / "drawn", captioners=(StringsCaptioner(max_strings=200),)).run(
        tmp_path / "captioned", Host()
    )
    assert metrics["captioned"] == 12
    reader, tables = ShardReader(tmp_path / "captioned"), 0
    for place in range(len(reader)):
        record = json.loads(reader.read(place)["json"])
        quoted = record["captions"]["en"]["textual"]
        assert all(f'"{text}"' in quoted for text, _ in record["truth"]["texts"])
        if record["truth"]["kind"] == "table":
            tables += 1
            places = [quoted.index(f'"{name}"') for name in record["truth"]["content"]["header"]]
            assert places == sorted(places)
    assert tables
