"""Training tuples for editing and control, made from single samples; each file makes one kind (SeedEdit; Seedream 4.0).

A tuple has references (inputs), targets (pictures to draw), an instruction in both languages and, if it is known, a
mask of the area that may differ. Control tuples are made from any picture; edit and composition tuples from synthetic
scenes.
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
    """One tuple; pictures are H×W×3 uint8, all targets of one size."""

    task: str
    references: "tuple[np.ndarray, ...]"
    targets: "tuple[np.ndarray, ...]"
    instruction: Mapping[str, str]
    """Instruction by language."""
    captions: Captions = field(default_factory=dict)
    """Captions of the first target."""
    before: Captions = field(default_factory=dict)
    """Captions of the first reference, if it is a picture of its own."""
    mask: "np.ndarray | None" = None
    """H×W bool: where the first target may differ from the first reference; None for anywhere."""
    truth: Any = None


@dataclass(frozen=True, kw_only=True)
class Pairs(Component):
    """Contract: `start()`, called once per process, gives a function that makes tuples from a sample and a random
    generator; an empty result is not an error.
    """

    suffix: ClassVar[str] = "Pairs"

    def start(self) -> Make:
        raise NotImplementedError
