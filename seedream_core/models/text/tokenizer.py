"""Trains and applies our byte-level BPE tokenizer: frequent words, Chinese ones too, are single tokens; any bytes can
be encoded.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from seedream_core.models.text.word_segmentation import HAN, words

if TYPE_CHECKING:
    from torch import Tensor

END = "<|end|>"
MOST_WORDS = 2000


def train_tokenizer(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    """At most `vocabulary` tokens, the end token among them."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern(words(texts)[:MOST_WORDS])), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def tokenize(tokenizer: Tokenizer, texts: Sequence[str], most: int) -> "tuple[Tensor, Tensor]":
    """ids and mask (True is a token), each N×L, padded on the right; every text is cut at `most` and ends with END."""
    import torch

    end = tokenizer.token_to_id(END)
    rows = [
        [*encoding.ids[: most - 1], end] for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False)
    ]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [end] * (longest - len(row)) for row in rows])
    return ids, torch.arange(longest)[None, :] < torch.tensor(list(map(len, rows)))[:, None]


def pattern(han_words: Iterable[str]) -> str:
    """The pattern of what BPE may merge: a word with its leading space, a Chinese word or one character, a digit,
    punctuation.
    """
    longest_first = sorted(han_words, key=lambda word: (-len(word), word))
    chinese = [re.escape(word) for word in longest_first] + [f"[{HAN}]"]
    return "|".join([*chinese, rf" ?[^\s\d\p{{P}}{HAN}]+", r" ?\d", r" ?\p{P}", r"\s+"])
