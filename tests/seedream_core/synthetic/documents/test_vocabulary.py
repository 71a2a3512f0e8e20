"""Words come in pairs, none holds a quotation mark, and the built-in font can write the English ones."""

import pytest

from seedream_core.randomness import Rng
from seedream_core.synthetic.documents import vocabulary
from seedream_core.synthetic.documents.pen import latin
from seedream_core.synthetic.documents.phrases import cut, language, listed, paragraph, quote, quoted, sentences


def pairs(tree):
    if isinstance(tree, dict):
        tree = [*tree.keys(), *tree.values()]
    if isinstance(tree, (tuple, list)):
        if len(tree) >= 2 and all(isinstance(part, str) for part in tree[:2]):
            yield tree
        elif tree and not isinstance(tree, str):
            for part in tree:
                yield from pairs(part)


def test_every_word_is_there_in_both_languages():
    words = [pair for name, tree in vars(vocabulary).items() if name.isupper() for pair in pairs(tree)]
    assert len(words) > 250
    for english, chinese, *_ in words:
        assert english.isascii() and not set('"“”;') & set(english + chinese) and not latin().missing(english)
    assert sum(not chinese.isascii() for _, chinese, *_ in words) > 0.95 * len(words)


def test_some_are_different_and_drawn():
    taken = vocabulary.some(Rng(1), range(10), 4)
    assert len(set(taken)) == 4 and taken == vocabulary.some(Rng(1), range(10), 4) != vocabulary.some(
        Rng(2), range(10), 4
    )
    assert sorted(vocabulary.some(Rng(1), range(3), 9)) == [0, 1, 2]


@pytest.mark.parametrize("spoken", ["en", "zh"])
def test_sentences_and_parts_are_cut_outside_quotes_only(spoken):
    parts = ['first "a. b, c" 1.5', 'x "d。e、f"']
    caption = paragraph([listed(parts, spoken), "", 'then "g."'], spoken)
    assert quoted(caption) == ["a. b, c", "d。e、f", "g."] and quote("a") == '"a"'
    first, second = sentences(caption)
    assert cut(first, ", " if spoken == "en" else "、") == parts and second == 'then "g."'


def test_language_follows_from_what_stands_outside_the_quotes():
    assert language('A table titled "库存表".') == "en" and language('表格，标题为"Stock"。') == "zh"
