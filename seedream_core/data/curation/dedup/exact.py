"""Exact duplicates: identical pixels, however they are encoded in a file (first stage of Seedream 2.0's data
filtering).

Of tuples the task, the instruction and all pictures must be identical.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seedream_core.data.curation.dedup import Dedup


@dataclass(frozen=True, kw_only=True)
class ExactDedup(Dedup):
    needs: ClassVar[tuple[str, ...]] = ("digest",)
    tuples: ClassVar[bool] = True

    def __call__(self, features: Mapping[str, np.ndarray], keys: Sequence[str]) -> dict[int, str]:
        _, first, group = np.unique(features["digest"], axis=0, return_index=True, return_inverse=True)
        earlier = first[group.ravel()]  # np.unique gives the first row of each
        return {
            int(row): f"the same pixels as {keys[earlier[row]]}"
            for row in np.flatnonzero(earlier != np.arange(len(earlier)))
        }
