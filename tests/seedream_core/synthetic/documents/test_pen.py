"""The pen counts its marks, keeps words apart and inside, and refuses fonts that would show empty boxes."""

import numpy as np
import pytest

from seedream_core.errors import UserError
from seedream_core.randomness import Rng
from seedream_core.synthetic.documents import Crowded, pen
from seedream_core.synthetic.documents.pen import Face, Pen, Theme, chinese, latin

WHITE = Theme("white", (255, 255, 255), (0, 0, 0), (200, 200, 200))


def blank(size=(200, 100)) -> Pen:
    return Pen(size, WHITE, latin())


@pytest.mark.parametrize("anchor, turned", [("lm", False), ("mm", False), ("rt", False), ("rm", True), ("mt", True)])
def test_text_is_where_its_box_says(anchor, turned):
    one = blank((200, 200))
    left, top, right, bottom = one.write("Height 42", 100, 100, 14, anchor, turned=turned)
    ink = np.asarray(one.finish()).min(axis=2) < 128
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    assert left <= columns[0] and columns[-1] < right and top <= rows[0] and rows[-1] < bottom
    assert (bottom - top > right - left) == turned and one.marks == 8
    assert right - left - 5 <= columns[-1] + 1 - columns[0] and bottom - top - 5 <= rows[-1] + 1 - rows[0]


def test_words_outside_their_box_or_over_others_are_refused():
    one = blank()
    one.write("first", 10, 50, 14)
    for text, x, box in (("first", 15, None), ("far", 190, None), ("long words", 60, (50, 0, 100, 100))):
        with pytest.raises(Crowded):
            one.write(text, x, 50, 14, within=box)
    assert [text for text, _ in one.texts] == ["first"] and one.marks == 5


def test_the_largest_size_that_fits():
    one = blank()
    size = one.fit(["a", "a longer one"], 80, 40)
    assert one.width("a longer one", size) <= 80 < one.width("a longer one", size + 1)
    assert one.fit(["a"], 80, 12) == 12 and one.fit(["a"], 80, 40, height=24) <= 20
    with pytest.raises(Crowded):
        one.fit(["a much longer one than that"], 40, 30)


def test_shapes_are_marks_in_their_places():
    one = blank()
    one.box((10, 10, 30, 40), (255, 0, 0))
    one.oval((50, 10, 70, 30), (0, 255, 0))
    one.slice((80, 10, 110, 40), 0, 90, (0, 0, 255))
    one.polygon([(120, 10), (140, 10), (130, 40)], (0, 0, 0))
    one.line([(10, 80), (50, 80), (50, 60)])
    one.arrow((100, 80), (150, 80))
    assert one.marks == 7
    pixels = np.asarray(one.finish())
    assert (
        tuple(pixels[25, 20]) == (255, 0, 0)
        and tuple(pixels[25, 32]) == (255, 255, 255)
        and tuple(pixels[9, 20]) == (255, 255, 255)
    )
    assert (
        tuple(pixels[20, 60]) == (0, 255, 0)
        and tuple(pixels[30, 100]) == (0, 0, 255)
        and tuple(pixels[20, 100]) == (255, 255, 255)
    )
    assert pixels[80, 30].max() < 140 and pixels[70, 50].max() < 140 and pixels[80, 120].max() < 140


def test_themes_can_be_read():
    themes = {theme.name: theme for theme in (Theme.drawn(Rng("theme", index)) for index in range(60))}
    assert set(themes) == set(pen.BACKGROUNDS)
    assert all(abs(sum(theme.paper) - sum(theme.ink)) > 300 for theme in themes.values())
    assert themes["dark"].called("zh") == "深色" and themes["dark"].called("en") == "dark"


def test_fonts_that_lack_letters_are_refused_and_no_box_is_drawn(tmp_path, monkeypatch):
    assert Face().missing("Height 42%") == "" and Face().missing("身高") == "身高"
    with pytest.raises(UserError, match="cannot be read as a font"):
        (tmp_path / "a.ttf").write_bytes(b"no font")
        latin(str(tmp_path / "a.ttf"))
    with pytest.raises(UserError, match="cannot be read as a font"):
        chinese(str(tmp_path / "gone.ttf"))
    monkeypatch.setattr(pen, "CHINESE_FONTS", (str(tmp_path / "gone.ttc"),))
    with pytest.raises(UserError, match="fonts-noto-cjk"):
        chinese()


def test_a_latin_font_is_no_chinese_one():
    matplotlib = pytest.importorskip("matplotlib")
    path = f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf"
    assert latin(path).path == path
    with pytest.raises(UserError, match="DejaVuSans.ttf has no .*月"):
        chinese(path)
