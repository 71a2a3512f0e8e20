"""Every fault that the judge can find has its Chinese words."""

import pytest

from seedream_core.report.words import chinese


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("no plain background", "背景不是纯色"),
        ("the background is not quite pink", "背景不完全是粉色"),
        ("an object of no known colour", "有颜色无法辨认的物体"),
        ("a red object of no known shape (0.71)", "有形状无法辨认的红色物体"),
        ("a red object between star and heart", "有红色物体介于五角星与心形之间"),
        ("a red star too small to count", "红色五角星太小，不算数"),
        ("something that no object explains", "有无法解释的痕迹"),
        ("background pink, not white", "背景是粉色，应为白色"),
        ("3 objects, not 2", "有 3 个物体，应为 2 个"),
        ("relation left, not above", "方位是左边，应为上方"),
        ("relation unclear, not above", "方位是不明确，应为上方"),
        ("red star, blue star, not red heart, cyan cross", "画成红色五角星、蓝色五角星，应为红色心形、青色十字"),
        ("something new", "something new"),
    ],
)
def test_faults_in_chinese(fault, words):
    assert chinese(fault) == words
