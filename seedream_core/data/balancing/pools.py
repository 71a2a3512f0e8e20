"""Mixes four data pools by shares: high quality, distribution maintenance, knowledge, targeted (Seedream 2.0).

A draw first selects a pool by its share, then a sample by its weight in that pool. A sample may be in several pools,
and every sample is in maintenance. Seedream's shares are unpublished; ours are a starting point.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from seedream_core.data.balancing.terms import segmenter, terms
from seedream_core.errors import DataError
from seedream_core.evaluation.metrics.rate import Rate
from seedream_core.records import Sample

POOLS = ("maintenance", "high_quality", "knowledge", "targeted")
PREFIX = "pool:"
LEAST_PROMPTS = 8


def mixed(members: Mapping[str, np.ndarray], shares: Mapping[str, float]) -> np.ndarray:
    """Probability of each sample, on any scale; `members[pool]` is its weight in the pool, 0 if it is not in it.

    The share of an empty pool is divided among the others.
    """
    filled = {pool: weights for pool, weights in members.items() if shares.get(pool) and weights.any()}
    if not filled:
        raise DataError(
            f"no pool with a share has samples ({', '.join(pool for pool in members if shares.get(pool))})",
            "give mix.maintenance a share: every sample is in it",
        )
    return sum(shares[pool] * weights / weights.sum() for pool, weights in filled.items())


def by_node(rows: Sequence[Iterable[int]], targets: Sequence[float]) -> np.ndarray:
    """Weights that draw each node in proportion to its target, regardless of its number of samples."""
    counts = Counter(node for nodes in rows for node in nodes)
    return np.array([sum(targets[node] / counts[node] for node in nodes) for nodes in rows], np.float64)


def at_least(sample: Sample, scores: Mapping[str, float]) -> bool:
    """Whether a sample has all these scores and reaches all minimum values; false if no scores are given."""
    return bool(scores) and all(sample.scores.get(name, float("-inf")) >= least for name, least in scores.items())


def weak(verdicts: Path) -> list[str]:
    """Words of prompts that a model gets right less often than prompts on average (from `verdicts.jsonl` of
    eval/bench).

    A word counts if even the upper end of its 95% interval is below the overall share.
    """
    cut, right, count = segmenter("bigrams"), Counter(), Counter()
    rows = [json.loads(line) for line in verdicts.read_text(encoding="utf-8").splitlines()]
    if not rows:
        raise DataError(f"{verdicts}: no verdicts found")
    overall = sum(row["right"] for row in rows) / len(rows)
    for row in rows:
        for term in set(filter(_phrase, terms(row["prompt"], cut))):
            count[term] += 1
            right[term] += row["right"]
    rates = {term: Rate(right[term], times) for term, times in count.items() if times >= LEAST_PROMPTS}
    return sorted(
        (term for term, rate in rates.items() if rate.interval[1] < overall), key=lambda term: (rates[term].share, term)
    )


def _phrase(term: str) -> bool:
    """Neighbouring pairs of Chinese characters overlap; joined they do not form a phrase."""
    return " " not in term or not any("\u3400" <= letter <= "\u9fff" for letter in term)


def table(members: Mapping[str, np.ndarray], weights: np.ndarray, say: Callable[[str], None]) -> dict[str, dict]:
    """Samples of each pool, their share of the data and of the draws; printed and returned."""
    rows = {}
    say(f"{'pool':<24}{'samples':>10}{'of data':>9}{'drawn':>9}")
    for pool, inside in members.items():
        mask = inside > 0
        rows[pool] = {
            "samples": int(mask.sum()),
            "share": round(float(mask.mean()), 4),
            "drawn": round(float(weights[mask].sum() / weights.sum()), 4),
        }
        say(f"{pool:<24}{rows[pool]['samples']:>10}{rows[pool]['share']:>9.2%}{rows[pool]['drawn']:>9.2%}")
    return rows
