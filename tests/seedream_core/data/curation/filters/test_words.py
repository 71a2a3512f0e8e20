"""Listed words are found in either language, in any case and width, and not inside other words."""

import pytest

from seedream_core.data.curation.filters.words import WordsFilter
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.errors import UserError
from seedream_core.records import Sample


def view(text: str, language: str = "en") -> LazySample:
    return LazySample(Sample(key="a", width=8, height=8, captions={language: {"short": text}}))


def test_found_and_not_found(tmp_path):
    (tmp_path / "list.txt").write_text("# a note\nGore\n血腥\n\n", encoding="utf-8")
    made = WordsFilter(words=("weapon",), file=str(tmp_path / "list.txt"))
    for text in ("a WEAPON on a table", "full of gore.", "ｇｏｒｅ"):
        assert not made(view(text)).keep
    assert made(view("一幅血腥的画", "zh")).reason == "zh.short holds '血腥'"
    for text in ("weaponry", "the gores of a skirt", "a note", ""):
        assert made(view(text)).keep


@pytest.mark.parametrize(
    "text, found",
    [
        ("一张nude照片", True),
        ("nude_photo", True),
        ("nude2", False),
        ("denuded", False),
        ("(nude)", True),
        ("i like c++ much", True),
        ("cafés", False),
        ("une café.", True),
        ("ÇA va", True),
        ("裸体像", True),
        ("血腥", True),
        ("血", False),
        ("mother", False),
    ],
)
def test_whole_words_beside_any_letters(tmp_path, text, found):
    (tmp_path / "list.txt").write_text("\ufeffça\n  # other\n 血腥 \n", encoding="utf-8")
    assert WordsFilter(words=("nude", "c++", "café", "裸体"), file=str(tmp_path / "list.txt"))(view(text)).keep != found


def test_an_empty_word_is_refused():
    with pytest.raises(ValueError, match="an empty word would match every caption"):
        WordsFilter(words=("gore", " "))


def test_a_missing_list_is_reported(tmp_path):
    with pytest.raises(UserError, match="none.txt cannot be read"):
        WordsFilter(file=str(tmp_path / "none.txt"))(view("a"))


def test_a_list_of_nothing_is_refused(tmp_path):
    (tmp_path / "list.txt").write_text("# a note\n\n", encoding="utf-8")
    with pytest.raises(UserError, match="list.txt has no words"):
        WordsFilter(file=str(tmp_path / "list.txt"))(view("anything"))
    with pytest.raises(ValueError, match="give words, a file of them, or both"):
        WordsFilter()
