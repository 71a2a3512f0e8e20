"""Training tuples for editing and control, made from single samples; each file is one kind (SeedEdit; Seedream 4.0).

A tuple has references (what is given), targets (what is to be drawn), an instruction in both languages, and where it is
known the mask of what may differ. Controls come from any picture; edits and compositions from scenes of the embedded
world.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.sources.raw_captions import Captions
from seedream_core.randomness import Rng
from seedream_core.workflow.config import Component

if TYPE_CHECKING:
    import numpy as np

Make = Callable[[LazySample, Rng], "list[Pair]"]


@dataclass(frozen=True)
class Pair:
    """One tuple; pictures are H×W×3 uint8, the targets all of one size."""

    task: str
    references: "tuple[np.ndarray, ...]"
    targets: "tuple[np.ndarray, ...]"
    instruction: Mapping[str, str]
    """By language."""
    captions: Captions = field(default_factory=dict)
    """Of the first target."""
    before: Captions = field(default_factory=dict)
    """Of the first reference, where it is a picture of its own."""
    mask: "np.ndarray | None" = None
    """H×W bool: where the first target may differ from the first reference; None for anywhere."""
    truth: Any = None


@dataclass(frozen=True, kw_only=True)
class Pairs(Component):
    """Contract: `start()` once per process gives what makes a view's tuples from a draw of its own; none is no
    error.
    """

    suffix: ClassVar[str] = "Pairs"

    def start(self) -> Make:
        raise NotImplementedError
