"""Concept statistics of a data set: effective number of concepts (exp of the entropy) and the share of the rarest
quarter.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Concepts:
    """Which sample shows which concept: one entry for each such pair."""

    rows: np.ndarray
    """Sample index of each entry."""
    columns: np.ndarray
    """Concept index of each entry."""
    names: Sequence[str]

    @classmethod
    def of(cls, shown: Iterable[Iterable[str]]) -> "Concepts":
        """Built from the concepts of each sample; concepts are ordered by first appearance."""
        places: dict[str, int] = {}
        rows, columns = array("q"), array("q")  # a list of pairs would take ten times the memory
        for row, names in enumerate(shown):
            for name in names:
                rows.append(row)
                columns.append(places.setdefault(name, len(places)))
        return cls(np.array(rows, np.int64), np.array(columns, np.int64), tuple(places))

    @classmethod
    def labels(cls, labels: np.ndarray) -> "Concepts":
        """Built from one cluster number per sample."""
        numbers, columns = np.unique(labels, return_inverse=True)
        return cls(np.arange(len(labels)), columns, tuple(map(str, numbers)))

    def shares(self, weights: np.ndarray) -> np.ndarray:
        """The share of each concept if samples count by weight."""
        mass = np.bincount(self.columns, weights[self.rows], minlength=len(self.names))
        return mass / mass.sum() if mass.sum() else mass

    def effective(self, weights: np.ndarray) -> float:
        """Effective number of concepts, exp(entropy): as many equally frequent concepts have the same entropy."""
        shares = self.shares(weights)
        shares = shares[shares > 0]
        return float(np.exp(-(shares * np.log(shares)).sum()))

    def tail(self) -> np.ndarray:
        """The rarest quarter of the concepts, the rarest first."""
        counts = np.bincount(self.columns, minlength=len(self.names))
        return np.argsort(counts, kind="stable")[: max(1, len(self.names) // 4)]

    def report(self, before: np.ndarray, after: np.ndarray, most: int = 50) -> dict:
        """Effective numbers and the rarest concepts, before and after weighting; at most so many of the rarest concepts
        are named.
        """
        if not self.names:
            return {"concepts": 0}
        tail, counts = self.tail(), np.bincount(self.columns, minlength=len(self.names))
        shares = self.shares(before), self.shares(after)
        return {
            "concepts": len(self.names),
            "effective": {"before": round(self.effective(before), 2), "after": round(self.effective(after), 2)},
            "rarest_quarter": {
                "concepts": len(tail),
                "before": _round(shares[0][tail].sum()),
                "after": _round(shares[1][tail].sum()),
            },
            "rarest": [
                {
                    "name": self.names[i],
                    "samples": int(counts[i]),
                    "before": _round(shares[0][i]),
                    "after": _round(shares[1][i]),
                }
                for i in tail[:most]
            ],
        }


def _round(share: float) -> float:
    return float(f"{share:.4g}")
