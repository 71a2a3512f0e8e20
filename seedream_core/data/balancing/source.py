"""Balances sources: reduces over-represented sources and keeps their order by size (Seedream 2.0, distribution
maintenance; the power is our choice).

A source of n samples gets a share proportional to n^alpha: with 0 < alpha < 1 a larger source still has more, but less
so.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from seedream_core.data.balancing import Balance, Balanced, Crowd
from seedream_core.data.balancing.concepts import Concepts


@dataclass(frozen=True, kw_only=True)
class SourceBalance(Balance):
    alpha: Annotated[float, Ge(0), Le(1)] = 0.75
    "exponent: 1 keeps the shares of the sources, 0 gives all sources the same share"

    def __call__(self, crowd: Crowd) -> Balanced:
        sources = Concepts.of([source] for source in crowd.sources)
        sizes = np.bincount(sources.columns)
        return Balanced((sizes ** (self.alpha - 1.0))[sources.columns], {"sources": sources})
