"""Judges: compare what a picture shows with what its prompt asks for.

A judge says which items of a suite it applies to. For those it gives a score per atom and a score of the whole picture.
An atom is the smallest part of a request that can be wrong by itself: object, colour, count, relation, ground, text or
question.
"""

import itertools
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from seedream_core.evaluation.suites import SuiteItem
from seedream_core.workflow.config import Component
from seedream_core.workflow.host import Host

if TYPE_CHECKING:
    import numpy as np

    Look = Callable[[SuiteItem, "np.ndarray"], "Judgement"]


@dataclass(frozen=True)
class Atom:
    """One part of a request, with one judge's score."""

    judge: str
    kind: str
    asked: str
    """What the picture should show, in a few words."""
    score: float
    """From 0 (wrong) to 1 (right)."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Judgement:
    """The verdict of one judge on one picture."""

    atoms: tuple[Atom, ...]
    score: float
    """Of the whole picture, from 0 to 1."""
    reason: str | None = None
    """What is wrong, in a few words."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> "Judgement":
        return cls(**{**tree, "atoms": tuple(Atom(**atom) for atom in tree["atoms"])})


@dataclass(frozen=True, kw_only=True)
class Judge(Component):
    """Contract: `applies(item)` needs no model; `start(host)` loads what the judge needs, and gives a function from an
    item and its picture (uint8 H×W×3) to a judgement that does not depend on other pictures.
    """

    suffix: ClassVar[str] = "Judge"

    def applies(self, item: SuiteItem) -> bool:
        raise NotImplementedError

    def start(self, host: Host) -> "Look":
        raise NotImplementedError


class Judging:
    """The judges of a comparison, started once, for any number of pictures."""

    def __init__(self, judges: Sequence[Judge], host: Host) -> None:
        self.judges = judges
        self.looks = {judge.name(): judge.start(host) for judge in judges}

    def __call__(self, items: Sequence[SuiteItem], images: "np.ndarray") -> list[dict[str, Judgement]]:
        """For the picture of each item, the verdict of each judge that applies to its prompt."""
        return [
            {judge.name(): self.looks[judge.name()](item, picture) for judge in self.judges if judge.applies(item)}
            for item, picture in zip(items, images, strict=True)
        ]


def means(judges: Sequence[Judge], judged: Sequence[Mapping[str, Judgement]]) -> dict[str, dict]:
    """Mean score of each judge over the prompts that it applies to, and of each kind of atom."""
    found = {}
    for judge in judges:
        own = [judgements[judge.name()] for judgements in judged if judge.name() in judgements]
        kinds: dict[str, list[float]] = {}
        for atom in itertools.chain.from_iterable(judgement.atoms for judgement in own):
            kinds.setdefault(atom.kind, []).append(atom.score)
        found[judge.name()] = {
            "score": statistics.mean(judgement.score for judgement in own),
            "prompts": len(own),
            "atoms": {kind: statistics.mean(scores) for kind, scores in kinds.items()},
        }
    return found


def together(found: Mapping[str, Judgement]) -> dict:
    """Atoms, score and reason of all judges together; null where none applies."""
    if not found:
        return {"atoms": None, "score": None, "reason": None}
    return {
        "atoms": [atom.to_json() for judgement in found.values() for atom in judgement.atoms],
        "score": statistics.mean(judgement.score for judgement in found.values()),
        "reason": "; ".join(judgement.reason for judgement in found.values() if judgement.reason) or None,
    }
