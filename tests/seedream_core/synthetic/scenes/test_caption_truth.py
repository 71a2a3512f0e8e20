"""Captions of the world are all true; captions of other scenes are not, and longer ones say more."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from caption_truth import Quality, claims, judge, mean

from seedream_core.synthetic.scenes.captions import STYLES, caption
from seedream_core.synthetic.scenes.world import Object, Scene, World

WORLD = World()
SCENES = [WORLD.sample(31, index) for index in range(300)]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("style", STYLES)
def test_true_captions_are_true_and_swapped_ones_are_not(language, style):
    texts = [caption(scene, language, style, index, WORLD) for index, scene in enumerate(SCENES)]
    right = mean(judge(text, language, scene, WORLD) for text, scene in zip(texts, SCENES))
    wrong = mean(judge(text, language, scene, WORLD) for text, scene in zip(texts[1:], SCENES))
    assert right.accuracy == 1.0 and right.richness >= 1.5
    assert wrong.accuracy < 0.35


def test_long_captions_are_richer_than_brief_ones():
    def richness(style):
        return mean(judge(caption(scene, "en", style, 0, WORLD), "en", scene, WORLD) for scene in SCENES).richness

    assert richness("long") > richness("short") > richness("brief")


def test_what_is_claimed():
    scene = Scene(
        "pair", "white", (Object("red", "star", 0.2, 0.2, 0.3), Object("blue", "cross", 0.8, 0.2, 0.3)), "left"
    )
    assert claims("two red stars on the left", "en") == {("thing", "red", "star"), ("count", "2"), ("place", "1", "0")}
    assert claims("两个红色五角星", "zh") == {("thing", "red", "star"), ("count", "2")}
    assert judge("a blue cross right of a red star", "en", scene, WORLD) == Quality(3, 1.0)
    assert judge("a blue cross left of a red star", "en", scene, WORLD).accuracy == pytest.approx(2 / 3)
    assert judge("白色背景上，蓝色十字在红色五角星的右边", "zh", scene, WORLD) == Quality(4, 1.0)
    assert judge("a pretty picture", "en", scene, WORLD) == Quality(0, 1.0)
