"""Listed words are found in either language, in any case and width, and not inside other words."""

import pytest

from seedream_core.data.filters.words import Words
from seedream_core.data.view import View
from seedream_core.errors import UserError
from seedream_core.records import Sample


def view(text: str, language: str = "en") -> View:
    return View(Sample(key="a", width=8, height=8, captions={language: {"short": text}}))


def test_found_and_not_found(tmp_path):
    (tmp_path / "list.txt").write_text("# a note\nGore\n血腥\n\n", encoding="utf-8")
    made = Words(words=("weapon",), file=str(tmp_path / "list.txt"))
    for text in ("a WEAPON on a table", "full of gore.", "ｇｏｒｅ"):
        assert not made(view(text)).keep
    assert made(view("一幅血腥的画", "zh")).reason == "zh.short holds '血腥'"
    for text in ("weaponry", "the gores of a skirt", "a note", ""):
        assert made(view(text)).keep
    assert Words()(view("anything")).keep


def test_a_missing_list_is_told(tmp_path):
    with pytest.raises(UserError, match="none.txt cannot be read"):
        Words(file=str(tmp_path / "none.txt"))(view("a"))
