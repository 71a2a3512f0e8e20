"""Lines of text are read with their places; without the package the message says what to install."""

import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers.ocr import OcrScorer, fitting
from seedream_core.errors import UserError
from seedream_core.records import Sample


def view(*texts: tuple[str, int, int]) -> LazySample:
    image = Image.new("RGB", (320, 200), "white")
    for text, x, y in texts:
        ImageDraw.Draw(image).text((x, y), text, fill="black", font=ImageFont.load_default(28))
    return LazySample.of(Sample(key="a", width=320, height=200, captions={}), np.asarray(image))


def test_lines_are_read():
    pytest.importorskip("rapidocr")
    written, blank = view(("SALE 50% OFF", 20, 30), ("open at 9:30", 60, 120)), view()
    OcrScorer().start({})([written, blank])
    first, second = written.boxes
    assert (first["text"], second["text"]) == ("SALE 50% OFF", "open at 9:30")
    left, top, right, bottom = first["box"]
    assert left < 0.08 and right > 0.55 and 0.1 < top < 0.2 and 0.25 < bottom < 0.35
    assert blank.boxes == [] and blank.scores == {"text_area": 0.0, "text_confidence": 1.0}
    assert written.scores["text_area"] == pytest.approx(
        sum((b[2] - b[0]) * (b[3] - b[1]) for b in (first["box"], second["box"])), abs=1e-3
    )


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(UserError, match=r"(?s)ocr needs the package rapidocr.*pip install 'seedream\[ocr\]'"):
        OcrScorer().start({})


def test_a_page_of_small_print_does_not_cost_the_record():
    lines = [
        {
            "kind": "text",
            "box": [0, place / 900, 1 if place % 9 == 0 else 0.5, (place + 1) / 900],
            "score": 0.91,
            "text": "字" * (place % 40),
        }
        for place in range(900)
    ]
    noted = fitting(lines)
    record = Sample(key="a", width=9, height=9, captions={}, boxes=tuple(noted)).to_json()
    assert len(record) < 30_000 and len(noted) > 120 and noted == [line for line in lines if line in noted]
    assert all(line in noted for line in lines if line["box"][2] == 1) and fitting(lines[:50]) == lines[:50]
