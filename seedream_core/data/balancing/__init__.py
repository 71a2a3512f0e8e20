"""Balancing (Seedream 2.0 and 3.0): each member computes sampling weights from statistics of the whole data set.

A member gets all samples at once (`Crowd`: image features, captions, sources; never their truth) and returns one
positive weight per sample, on any scale, and the concepts that it counted, for the report.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from seedream_core.workflow.config import Component

if TYPE_CHECKING:
    import numpy as np

    from seedream_core.data.balancing.concepts import Concepts


@dataclass(frozen=True)
class Crowd:
    """N samples as balancing receives them, in the order of the data."""

    features: "np.ndarray"
    """N×d image features, close for similar pictures (`look`, or an encoder's embedding)."""
    captions: Sequence[Mapping[str, Mapping[str, str]]]
    sources: Sequence[str]

    def __len__(self) -> int:
        return len(self.sources)


@dataclass(frozen=True)
class Balanced:
    weights: "np.ndarray"
    concepts: "Mapping[str, Concepts]" = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Balance(Component):
    """Contract: `__call__(crowd) -> Balanced`, the same result for the same crowd."""

    suffix: ClassVar[str] = "Balance"

    def __call__(self, crowd: Crowd) -> Balanced:
        raise NotImplementedError
