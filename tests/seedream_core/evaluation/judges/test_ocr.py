"""Quoted strings are looked for in what OCR reads; without the package the message says what to install."""

import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from seedream_core.errors import UserError
from seedream_core.evaluation.judges import Judge
from seedream_core.evaluation.judges.ocr import quoted
from seedream_core.evaluation.suites import SuiteItem
from seedream_core.workflow.host import Host


def test_strings_in_quotes_are_found():
    assert quoted('a sign "OPEN" beside “9:30” and "OPEN"') == ["OPEN", "9:30"]
    assert quoted("写着「开门」和『关门』的牌子") == ["开门", "关门"]
    assert quoted('no quotes, don\'t read " "') == []
    judge = Judge.find("ocr")()
    assert judge.applies(SuiteItem("prompts", 0, 'a sign "OPEN"', 0))
    assert not judge.applies(SuiteItem("prompts", 0, "a sign", 0))


def test_what_is_written_counts_and_what_is_not_is_named():
    pytest.importorskip("rapidocr")
    image = Image.new("RGB", (320, 200), "white")
    ImageDraw.Draw(image).text((20, 30), "SALE 50% OFF", fill="black", font=ImageFont.load_default(28))
    look = Judge.find("ocr")().start(Host())
    found = look(SuiteItem("prompts", 0, 'a shop with "sale 50%" and "CLOSED"', 0), np.asarray(image))
    assert [(atom.kind, atom.asked, atom.score) for atom in found.atoms] == [
        ("text", "sale 50%", 1.0),
        ("text", "CLOSED", 0.0),
    ]
    assert found.score == 0.5 and found.reason == "not written: CLOSED"


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(UserError, match=r"(?s)judge ocr needs the package rapidocr.*pip install 'seedream\[ocr\]'"):
        Judge.find("ocr")().start(Host())
