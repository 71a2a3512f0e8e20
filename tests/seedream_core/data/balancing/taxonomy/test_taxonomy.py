"""The taxonomy: words in both languages, the longest first; looks by examples; what each node lacks; the shipped
tree.
"""

import numpy as np
import pytest

from seedream_core.data.balancing.taxonomy import Taxonomy, alike
from seedream_core.errors import DataError
from seedream_core.workflow.config import ConfigError

TREE = """
nodes:
  festivals:
    zh: [节日]
    nodes:
      dragon_boat: {en: [dragon boat], zh: [龙舟], target: 5}
      new_year: {zh: [春节, 过年]}
  animals:
    en: [animal]
    nodes:
      dragon: {en: [dragon], zh: [神龙], but: [dragon fruit]}
      dog: {en: [dog, puppy], zh: [小狗], but: [hot dog]}
"""


def write(tmp_path, text) -> Taxonomy:
    (tmp_path / "tree.yaml").write_text(text, encoding="utf-8")
    return Taxonomy.read(tmp_path / "tree.yaml")


@pytest.fixture
def tree(tmp_path) -> Taxonomy:
    return write(tmp_path, TREE)


def said(tree, en="", zh="") -> list[str]:
    return [tree.names[node] for node in tree.said({"en": {"short": en}, "zh": {"long": zh}})]


def test_paths_and_lines(tree):
    assert tree.names == (
        "festivals",
        "festivals/dragon_boat",
        "festivals/new_year",
        "animals",
        "animals/dragon",
        "animals/dog",
    )
    assert tree.line(1) == [1, 0] and tree.line(3) == [3]


def test_the_longest_words_win(tree):
    assert said(tree, "a dragon boat") == ["festivals/dragon_boat"]
    assert said(tree, "a dragon in a boat") == ["animals/dragon"]
    assert said(tree, "dragon fruit and a hot dog") == []
    assert said(tree, "Puppies? No: two DOGS, the dog's bone") == ["animals/dog"]
    assert said(tree, "dogma, hotdogs") == []  # words, not pieces of words
    assert said(tree, "a dragon, boat") == ["animals/dragon"]  # no phrase reaches over a comma


def test_what_exists_only_in_chinese(tree):
    assert said(tree, zh="过年时小狗看赛龙舟") == ["festivals/dragon_boat", "festivals/new_year", "animals/dog"]
    assert said(tree, en="the 春节 parade") == ["festivals/new_year"]  # in whichever caption it stands


def test_coverage_counts_up_the_tree_once_for_each_sample(tree):
    rows = tree.coverage([[1], [1, 2], [5], []], target=3)
    found = {row["node"]: (row["samples"], row["own"], row["target"], row["missing"]) for row in rows}
    assert found["festivals"] == (2, 0, 3, 1) and found["festivals/dragon_boat"] == (2, 2, 5, 3)
    assert found["animals"] == (1, 0, 3, 2) and found["animals/dragon"] == (0, 0, 3, 3)


def test_pictures_that_look_like_the_examples():
    random = np.random.default_rng(0)
    common = 50.0  # what all have in common must not make them alike
    rows = random.standard_normal((300, 16)) + common
    rows[:40] += 8 * np.eye(16)[3]
    found = alike(rows, [0, 1, 2, 3, 4])
    assert set(range(5)) <= set(found) and set(found) <= set(range(40)) and len(found) > 25


def test_examples_are_checked(tmp_path):
    tree = write(tmp_path, "nodes: {a: {examples: [k0, k1, k2]}, b: {en: [b]}}")
    features = np.concatenate([np.tile([1.0, 0], (10, 1)), np.tile([0, 1.0], (10, 1))])
    keys = [f"k{i}" for i in range(20)]
    assert tree.shown(features, keys) == {0: list(range(10))}
    with pytest.raises(DataError, match="example k2 is not a sample"):
        tree.shown(features[:2], keys[:2])
    with pytest.raises(DataError, match="at least 3|do not tell"):
        write(tmp_path, "nodes: {a: {examples: [k0]}}").shown(features, keys)


@pytest.mark.parametrize(
    "text, error, message",
    [
        ("nodes: {a: {en: [cat]}, b: {en: [cat]}}", DataError, "'cat' is a word of a and of b"),
        (
            "nodes: {a: {en: [circle]}, b: {en: [Circles]}}",
            DataError,
            r"'Circles' is a word of a and of b \(as 'circle'.*'circles'\); keep",
        ),
        ("nodes: {a: {en: [Circles]}, b: {en: [square, circle]}}", DataError, "'circle' is a word of a and of b"),
        ("nodes: {a: {en: [2024]}}", ConfigError, "2024|string"),
        ("nodes: {a: {en: ['2024']}}", DataError, "'2024' has no word"),
        ("nodes: {a: {but: ['--']}}", DataError, "'--' has no word"),
        ("nodes: {a: {words: [cat]}}", ConfigError, "words"),
        ("nodes: {a/b: {}}", DataError, "is not a valid node name"),
        ("nodes: {a: {en: ['!?']}}", DataError, "no word that can be found"),
        ("nodes: {}", DataError, "at least one"),
    ],
)
def test_wrong_files(tmp_path, text, error, message):
    with pytest.raises(error, match=message):
        write(tmp_path, text)


def test_one_node_may_name_its_word_twice(tmp_path):
    tree = write(tmp_path, "nodes: {a: {en: [circle, Circles, circle]}, b: {en: [cat]}}")
    assert said(tree, "Circles") == said(tree, "a circle") == ["a"]


def test_the_shipped_tree_is_bilingual_and_finds_its_own_words():
    tree = Taxonomy.read()
    leaves = [name for name in tree.names if "/" in name]
    assert {"characters", "flora", "fauna", "food", "scenes", "architecture", "folk"} <= set(tree.names) and len(
        leaves
    ) >= 100
    for number, (name, node) in enumerate(tree.nodes.items()):
        assert node.en and node.zh, name
        for word in node.en:
            assert number in tree.said(
                {"en": {"short": f"three {word}s" if word[-1].isalpha() and "'" not in word else word}}
            ), word
        for word in node.zh:
            assert number in tree.said({"zh": {"short": f"画里有{word}。"}}), word
    assert said(tree, "a red panda", "放风筝的孙悟空") == ["characters/monkey_king", "folk/kite"]
