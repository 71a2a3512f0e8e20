"""Words that nobody listed are found, and their parts are not cut off."""

import pytest

from seedream_core.models.text.word_segmentation import words
from seedream_core.synthetic.scenes.captions import captions
from seedream_core.synthetic.scenes.world import World


@pytest.fixture(scope="module")
def texts():
    world = World()
    return [text for i in range(400) for fields in captions(world.sample(0, i), i).values() for text in fields.values()]


def test_words_of_the_scenes(texts):
    found = words(texts)
    assert {"五角星", "正方形", "三角形", "圆形", "心形", "十字", "红色", "橙色", "青色", "上方", "左边"} <= set(found)
    assert not {"形在", "色正", "个红", "角星"} & set(found)


def test_frequent_first_and_rare_left_out():
    texts = [color + shape for color in ("红色", "蓝色") for shape in ("圆形", "圆形", "方块", "方块", "星星")] * 20 + [
        "猫在"
    ]
    assert words(texts) == ["红色", "蓝色", "圆形", "方块", "星星"]
    assert "猫在" not in words(texts)


def test_text_without_han_has_no_words():
    assert words(["a red circle", ""]) == []
