"""Captions in the wrong language are found; names, numbers and quoted words in another script do no harm."""

import numpy as np
import pytest

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers.language import LanguageScorer, in_language
from seedream_core.records import Sample
from seedream_core.synthetic.scenes.captions import captions
from seedream_core.synthetic.scenes.world import World


@pytest.mark.parametrize(
    ("text", "language", "share"),
    [
        ("白色背景上有一个红色圆形", "zh", 1),
        ("a red circle on a white background", "en", 1),
        ("a red circle", "zh", 0),
        ("红色圆形", "en", 0),
        ("iPhone 15 的手机壳", "zh", 0.8),
        ("a bowl of 面 on a table", "en", 6 / 7),
        ("写着“HAPPY NEW YEAR”的横幅", "zh", 1),
        ('a banner that says "新年快乐"', "en", 1),
        ("《新年快乐》", "zh", 1),
        ("きれいな花の写真", "zh", 0),
        ("красный круг", "en", 0),
        ("붉은 원", "zh", 0),
        ("12345 !!", "en", 0),
        ("un chien sur la plage avec une balle", "en", 0),
        ("der Hund liegt auf dem Sofa", "en", 0),
        ("un perro con una pelota en el agua", "en", 0),
        ("crème brûlée and café au lait", "en", 1),
        ("Café de la Paix in Paris", "en", 1),
        ("the Eiffel tower", "en", 1),
        ("un chien sur la plage", "fr", 1),
        ("Sharp 128mm f/2.8", "en", 1),
    ],
)
def test_share_of_words(text, language, share):
    assert in_language(text, language) == pytest.approx(share)


def view(captions):
    return LazySample.of(Sample(key="a", width=64, height=64, captions=captions), np.zeros((64, 64, 3), np.uint8))


def test_the_worst_caption_counts():
    made = [
        view({"zh": {"short": "红色圆形", "long": "a red circle"}, "en": {"short": "a red circle"}}),
        view({}),
        view({"zh": {"short": " "}}),
    ]
    LanguageScorer().start({})(made)
    assert [one.scores["language"] for one in made] == [0, 1, 1]


def test_the_embedded_worlds_captions_are_all_right():
    world = World()
    made = [view(captions(world.sample(9, index), f"9/{index}", world)) for index in range(200)]
    LanguageScorer().start({})(made)
    assert {one.scores["language"] for one in made} == {1.0}
    swapped = [view({"zh": one.sample.captions["en"], "en": one.sample.captions["zh"]}) for one in made]
    LanguageScorer().start({})(swapped)
    assert {one.scores["language"] for one in swapped} == {0.0}
