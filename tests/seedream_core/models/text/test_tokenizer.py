"""The tokenizer: words are single tokens, everything comes back as it went in."""

import pytest
from tokenizers import Tokenizer

from seedream_core.models.text.tokenizer import END, tokenize, train_tokenizer
from seedream_core.synthetic.scenes.captions import captions
from seedream_core.synthetic.scenes.world import World


@pytest.fixture(scope="module")
def tokenizer():
    world = World()
    texts = [
        text for i in range(600) for fields in captions(world.sample(0, i), i).values() for text in fields.values()
    ]
    return train_tokenizer(texts, 1024)


def pieces(tokenizer: Tokenizer, text: str) -> list[str]:
    return [tokenizer.decode([token]) for token in tokenizer.encode(text).ids]


def test_words_of_both_languages_are_single_tokens(tokenizer):
    assert pieces(tokenizer, "an orange star on a white background") == [
        "an",
        " orange",
        " star",
        " on",
        " a",
        " white",
        " background",
    ]
    assert pieces(tokenizer, "紫色五角星在三个十字的上方") == ["紫色", "五角星", "在", "三个", "十字", "的", "上方"]


@pytest.mark.parametrize(
    "text", ["一只猫 🐱", "Ünïcode\t12\n", " two  spaces", "白色white背景", "(…)«»，。", "\u0000\u200d", ""]
)
def test_any_text_comes_back(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_bounded_saved_and_with_one_end_token(tokenizer):
    assert tokenizer.get_vocab_size() <= 1024
    again = Tokenizer.from_str(tokenizer.to_str())
    assert again.encode("橙色心形").ids == tokenizer.encode("橙色心形").ids
    assert tokenizer.token_to_id(END) == 0
    assert train_tokenizer(["白色圆形", "red"] * 50, 300).get_vocab_size() <= 300


def test_texts_of_one_batch():
    tokenizer = train_tokenizer(["a red circle", "红色圆形"] * 20, 300)
    ids, mask = tokenize(tokenizer, ["a red circle", "", "红"], 4)
    end = tokenizer.token_to_id(END)
    lengths = [
        min(4, len(tokenizer.encode(text, add_special_tokens=False).ids) + 1) for text in ("a red circle", "", "红")
    ]
    assert ids.shape == mask.shape == (3, max(lengths)) and mask.sum(1).tolist() == lengths
    assert all(ids[row, length - 1] == end for row, length in enumerate(lengths)) and bool((ids[~mask] == end).all())
