"""Every kind of knowledge picture: captions say all of it and only that, in both languages; nothing overflows; the draw
decides it.
"""

import json

import pytest

from seedream_core.errors import UserError
from seedream_core.records import JSON_BYTES
from seedream_core.synthetic.documents import LONGEST, Figure, Knowledge, make, rating
from seedream_core.synthetic.documents.pen import CHINESE_FONTS, chinese, latin
from seedream_core.synthetic.documents.phrases import quoted
from seedream_core.workflow.config import dump, parse

SIZES = ((256, 256), (512, 352), (320, 608))
LOADS = (0.08, 0.25, 0.55, 0.9)
COUNT = 36


def figures(name: str, face=None, language: str = "en", count: int = COUNT) -> list[tuple[float, Figure]]:
    if name == "formula":
        pytest.importorskip("matplotlib")
        count //= 3
    kind = Knowledge.find(name)()
    return [
        (
            wanted := LOADS[index % 4],
            make(kind, ("contract", index), SIZES[index % 3], wanted, face or latin(), language),
        )
        for index in range(count)
    ]


def faults(name: str, figure: Figure) -> list[str]:
    """What a caption leaves out, adds or says otherwise, and what is written outside the picture or over other
    words.
    """
    kind, found = Knowledge.find(name), []
    written = {text for text, _ in figure.texts}
    for language, texts in figure.captions.items():
        if kind.read(texts["long"]) != figure.content:
            found.append(f"{language}: {texts['long']} reads otherwise")
        if set(quoted(texts["long"])) != written:
            found.append(f"{language}: {set(quoted(texts['long'])) ^ written} in quotes or written, not both")
        if not set(quoted(texts["short"])) <= written or not texts["short"] or len(texts["long"]) > LONGEST:
            found.append(f"{language}: {texts['short']}")
    width, height = figure.picture.size
    for at, (text, (left, top, right, bottom)) in enumerate(figure.texts):
        if left < 0 or top < 0 or right > width or bottom > height:
            found.append(f"{text} leaves the picture")
        if any(left < x1 and x0 < right and top < y1 and y0 < bottom for _, (x0, y0, x1, y1) in figure.texts[:at]):
            found.append(f"{text} lies over other words")
    return found


@pytest.mark.parametrize("name", Knowledge.names())
def test_captions_say_what_is_drawn(name):
    for _wanted, figure in figures(name):
        assert faults(name, figure) == []
        assert json.loads(json.dumps(figure.content)) == figure.content
        assert len(json.dumps([figure.captions, figure.content, figure.texts])) < JSON_BYTES


@pytest.mark.parametrize("name", Knowledge.names())
def test_the_level_is_the_one_that_is_asked_for(name):
    made = figures(name)
    right = sum(rating.level(figure.load) == rating.level(wanted) for wanted, figure in made)
    assert right >= 0.9 * len(made)


@pytest.mark.parametrize("name", Knowledge.names())
def test_the_draw_decides_all(name):
    first, second = (figures(name, count=6) for _ in "ab")
    for (_, one), (_, other) in zip(first, second):
        assert one.picture.tobytes() == other.picture.tobytes() and one.captions == other.captions
    assert len({figure.picture.tobytes() for _, figure in first}) == len(first)


@pytest.mark.parametrize("name", Knowledge.names())
def test_config_survives_yaml_and_captions_from_outside_are_no_content(name):
    made = Knowledge.find(name)(weight=2.0)
    assert parse(type(made), {key: value for key, value in dump(made).items() if key != "name"}) == made
    assert [
        made.read(text)
        for text in ("a red star on a white background", "白色背景上有一个红色五角星", "", "A dog. A cat.")
    ] == [None] * 4


@pytest.mark.parametrize("name", [name for name in Knowledge.names() if Knowledge.find(name).written])
def test_chinese_words_are_drawn_and_quoted(name):
    try:
        face = chinese()
    except UserError:
        pytest.skip(f"no Chinese font at {', '.join(CHINESE_FONTS)}")
    made = [figure for _, figure in figures(name, face, "zh", 12)]
    for figure in made:
        assert faults(name, figure) == []
        assert not any(face.missing(text) for text, _ in figure.texts)
    # Some hold numbers alone.
    assert (
        sum(any("\u4e00" <= letter <= "\u9fff" for text, _ in figure.texts for letter in text) for figure in made) >= 9
    )
