"""Rarity of a caption's words: mean tf·idf over words and word pairs, in English and Chinese (Seedream 3.0).

tf is a term's share of its caption, so that a long caption counts no more than a short one. Two neighbouring words are
also a term: in "a red star" perhaps only the pair is rare.
"""

import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from seedream_core.data.balancing.concepts import Concepts
from seedream_core.errors import UserError
from seedream_core.models.text.word_segmentation import HAN

CACHED = 10_000  # number of cached captions, because captions repeat
_PIECES = re.compile(f"[{HAN}]+|[^\\W\\d_{HAN}]+(?:['’][^\\W\\d_]+)?")
_MARKS = re.compile(r"[^\w\s'’]+")
STOP = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "on",
        "in",
        "at",
        "to",
        "and",
        "or",
        "with",
        "without",
        "for",
        "from",
        "by",
        "as",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "it",
        "its",
        "this",
        "that",
        "these",
        "those",
        "there",
        "here",
        "he",
        "she",
        "they",
        "we",
        "you",
        "i",
        "his",
        "her",
        "their",
        "our",
        "my",
        "your",
        "not",
        "no",
        "nothing",
        "else",
        "against",
        "into",
        "onto",
        "over",
        "under",
        "up",
        "down",
        "out",
        "off",
        "than",
        "then",
        "so",
        "such",
        "very",
        "only",
        "same",
        "other",
        "another",
        "some",
        "any",
        "each",
        "all",
        "both",
        "while",
        "which",
        "who",
        "whose",
        "what",
        "的",
        "了",
        "在",
        "是",
        "有",
        "和",
        "与",
        "及",
        "或",
        "而",
        "着",
        "个",
        "一",
        "一个",
        "一张",
        "一只",
        "一些",
        "这",
        "那",
        "这个",
        "那个",
        "上",
        "中",
        "里",
        "下",
        "有着",
        "没有",
        "为",
        "以",
        "于",
        "被",
        "把",
        "从",
        "到",
        "也",
        "都",
        "很",
        "就",
        "并",
        "其",
        "之",
    ]
)


@dataclass(frozen=True)
class Terms:
    """The terms of each caption: one entry for each term of each sample."""

    concepts: Concepts
    counts: np.ndarray
    """Number of times the term occurs in the sample's captions."""
    samples: int

    def rarity(self, least: int) -> np.ndarray:
        """Mean tf·idf of each sample's captions; NaN if it has no term that occurs in at least `least` samples."""
        rows, columns = self.concepts.rows, self.concepts.columns
        in_samples = np.bincount(columns, minlength=len(self.concepts.names))
        idf = np.log(self.samples / np.maximum(in_samples, 1))
        counted = self.counts * (in_samples >= least)[columns]
        total = np.bincount(rows, counted, minlength=self.samples)
        weighed = np.bincount(rows, counted * idf[columns], minlength=self.samples)
        return np.divide(weighed, total, out=np.full(self.samples, np.nan), where=total > 0)


def collect(captions: Sequence[Mapping[str, Mapping[str, str]]], fields: Sequence[str], chinese: str) -> Terms:
    """The terms of these caption fields; of all fields if a sample has none of them."""
    cut = segmenter(chinese)
    cached = lru_cache(maxsize=CACHED)(lambda text: tuple(terms(text, cut)))
    counts = array("q")

    def shown() -> Iterator[Counter[str]]:
        for languages in captions:
            found = Counter(term for text in _chosen(languages, fields) for term in cached(text))
            counts.extend(found.values())
            yield found

    concepts = Concepts.of(shown())
    return Terms(concepts, np.array(counts, np.int64), len(captions))


def terms(text: str, cut: Callable[[str], Iterable[str]]) -> Iterable[str]:
    """Words and pairs of neighbours; no pair spans a punctuation mark or a stop word."""
    for clause in _MARKS.split(text.lower()):
        last = ""
        for piece in _PIECES.findall(clause):
            chinese = re.match(f"[{HAN}]", piece)
            for word in cut(piece) if chinese else (piece,):
                if word in STOP:
                    last = ""
                    continue
                yield word
                if last:
                    yield f"{last} {word}"
                last = word


def segmenter(chinese: str) -> Callable[[str], Iterable[str]]:
    """Function that splits a run of Chinese characters into words."""
    if chinese == "bigrams":
        return lambda run: [run[i : i + 2] for i in range(max(1, len(run) - 1))]
    try:
        import jieba
    except ImportError:
        raise UserError(
            "chinese: jieba is not installed", "pip install 'seedream[data]', or take chinese: bigrams"
        ) from None
    tokenizer = jieba.Tokenizer()
    # jieba's own start-up loads a marshalled cache from the temporary folder, where another user may have put it.
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return lambda run: tokenizer.lcut(run, HMM=False)


def _chosen(languages: Mapping[str, Mapping[str, str]], fields: Sequence[str]) -> list[str]:
    named = [texts[name] for texts in languages.values() for name in fields if texts.get(name)]
    return named or [text for texts in languages.values() for text in texts.values() if text]
