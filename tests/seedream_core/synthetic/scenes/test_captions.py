"""Captions: the issue's exact forms, in both languages, and others that stay true."""

import pytest

from seedream_core.synthetic.scenes.captions import LANGUAGES, STYLES, canonical, caption, captions, paraphrases
from seedream_core.synthetic.scenes.world import Object, Scene, SceneRequest, Thing, World

CANONICAL = [
    (
        SceneRequest("one", "white", (Thing("orange", "star"),), 1),
        "an orange star on a white background",
        "白色背景上有一个橙色五角星",
    ),
    (
        SceneRequest("several", "gray", (Thing("purple", "cross"),), 3),
        "three purple crosses on a gray background",
        "灰色背景上有三个紫色十字",
    ),
    (
        SceneRequest("several", "pink", (Thing("red", "heart"),), 2),
        "two red hearts on a pink background",
        "粉色背景上有两个红色心形",
    ),
    (
        SceneRequest("pair", "beige", (Thing("blue", "heart"), Thing("cyan", "cross")), 2, "above"),
        "a blue heart above a cyan cross on a beige background",
        "米色背景上，蓝色心形在青色十字的上方",
    ),
    (
        SceneRequest("pair", "white", (Thing("black", "circle"), Thing("orange", "square")), 2, "left"),
        "a black circle left of an orange square on a white background",
        "白色背景上，黑色圆形在橙色正方形的左边",
    ),
]


@pytest.mark.parametrize("asked, english, chinese", CANONICAL)
def test_canonical_forms(asked, english, chinese):
    assert canonical(asked, "en") == english
    assert canonical(asked, "zh") == chinese


def test_paraphrases_of_a_pair_turn_it_around():
    asked = CANONICAL[3][0]
    assert "a cyan cross below a blue heart, beige background" in paraphrases(asked, "en")
    assert "青色十字在蓝色心形的下方，米色背景" in paraphrases(asked, "zh")


def test_long_captions_tell_size_and_place():
    scene = Scene("one", "gray", (Object("red", "star", 0.2, 0.8, 0.22),))
    assert caption(scene, "en", "long", 0) == (
        "a small red star in the bottom left of a plain gray background, and nothing else"
    )
    assert caption(scene, "zh", "long", 0) == "纯灰色背景的左下角有一个小的红色五角星，没有别的东西"


def test_places_follow_the_aspect():
    wide = World(width=192, height=64)
    scene = Scene("one", "gray", (Object("red", "star", 1.5, 0.5, 0.3),))
    assert "in the middle" in caption(scene, "en", "long", 0, wide)
    assert "中间" in caption(scene, "zh", "long", 0, wide)


def test_every_style_names_every_thing():
    world = World()
    for index in range(100):
        scene = world.sample(4, index)
        fields = captions(scene, index)
        assert set(fields) == set(LANGUAGES) and all(tuple(f) == STYLES for f in fields.values())
        for text in fields["en"].values():
            assert all(o.color in text and o.shape in text for o in scene.objects)
            assert not text.startswith("an ") or text[3] in "aeiou"
        assert fields["en"]["brief"] in fields["en"]["short"]
        assert scene.background not in fields["en"]["brief"]
        assert fields == captions(scene, index)
