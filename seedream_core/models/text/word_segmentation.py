"""Segments Chinese text into words by branching entropy (Harris 1955; Jin and Tanaka-Ishii 2006).

Inside a word the next character is nearly certain; a word ends where many characters may follow. Forward entropy alone
measured better than both directions: backward entropy cuts a common suffix (色) off its words.
"""

import itertools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable

HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
CONTEXT = 3
RARE = 8
EDGE = "\n"


def words(texts: Iterable[str], *, bits: float = 1.0, least: int = 10) -> list[str]:
    """Words of two characters and more, the most frequent first; a boundary needs `bits` of uncertainty."""
    runs = Counter(run for text in texts for run in re.findall(f"[{HAN}]+", text))
    branching = BranchingEntropy((EDGE + run + EDGE, times) for run, times in runs.items())
    found: Counter[str] = Counter()
    for run, times in runs.items():
        cuts = [0, *(i for i in range(1, len(run)) if branching.entropy(EDGE + run[:i]) > bits), len(run)]
        for start, end in itertools.pairwise(cuts):
            found[run[start:end]] += times
    return [word for word, times in found.most_common() if len(word) > 1 and times >= least]


class BranchingEntropy:
    """How uncertain the character after a context is, from the longest context seen often enough."""

    def __init__(self, runs: Iterable[tuple[str, int]]) -> None:
        self.next: dict[str, Counter[str]] = defaultdict(Counter)
        self.known: dict[str, float] = {}
        for run, times in runs:
            for end in range(1, len(run)):
                for start in range(max(0, end - CONTEXT), end):
                    self.next[run[start:end]][run[end]] += times

    def entropy(self, text: str) -> float:
        for length in range(min(CONTEXT, len(text)), 0, -1):
            context = text[-length:]
            if sum(self.next[context].values()) >= RARE or length == 1:
                break
        if context not in self.known:
            counts = self.next[context].values()
            total = sum(counts)
            self.known[context] = -sum(c / total * math.log2(c / total) for c in counts)
        return self.known[context]
