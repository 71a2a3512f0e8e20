"""Chooses the samples to label next: uncertain ones, spread by k-centre (Seedream 2.0's active learning; the algorithm
is our choice).

A seed set at random; then rounds. In each, the pictures that the head of the labels so far is least sure of are a
shortlist, and of those k-centre takes the ones farthest from all that is labelled (core-set, Sener and Savarese, 2018).
A share of every round is drawn at random from a reserve that nothing is ever chosen from: a fair sample of the pool, on
which alone heads are compared.

Measured on development seeds, doubt alone (`shortlist: 1`) needed as many labels as k-centre or fewer; k-centre is what
keeps a round from asking for near-equal pictures, so curate duplicates away before trusting doubt alone.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le, Lt

from seedream_core.data.labelling.head_training import Kind, fit
from seedream_core.data.labelling.score_heads import CLASSES, Doubt, Head, measure, quality, standard
from seedream_core.randomness import fraction
from seedream_core.workflow.config import Config

BLOCK = 8192
SPREAD = 4096
"""Number of pictures among which the far-apart part of a seed set is chosen."""
LEAST_HELD = 10
"""Number of labels of the rarest class (of numeric labels: of all labels) that the reserve needs before its score
counts."""


@dataclass(frozen=True, kw_only=True)
class ActiveLearning(Config):
    """Options that decide which samples are labelled."""

    renamed: ClassVar[Mapping[str, str]] = {
        "first": "seed_labels",
        "diverse": "diverse_share",
        "doubt": "uncertainty",
        "flat": "min_rise",
        "most": "max_labels",
    }

    head: Kind = "linear"
    "model that learns: a linear head, or a small network, which takes ten times as long"
    seed_labels: Annotated[int, Ge(10)] = 200
    "number of labels in the seed set"
    batch: Annotated[int, Ge(5)] = 100
    "number of labels in each later round"
    held_out: Annotated[float, Gt(0), Lt(1)] = 0.2
    "share of each round that is drawn at random and used only for validation"
    diverse_share: Annotated[float, Ge(0), Le(1)] = 0.0
    "share of the seed set that is chosen far apart instead of at random: for pools with rare classes"
    uncertainty: Doubt = "entropy"
    """measure of uncertainty: entropy, or a narrow margin between the two likeliest classes; for numeric labels always
    the spread of the members"""
    shortlist: Annotated[int, Ge(1)] = 2
    "size of the shortlist from which k-centre chooses, in batches; 1 chooses by uncertainty alone"
    patience: Annotated[int, Ge(1)] = 5
    "number of rounds over which the validation score must have risen"
    min_rise: Annotated[float, Ge(0)] = 0.005
    "smallest rise of the score; a smaller one stops the labelling"
    max_labels: Annotated[int, Ge(10)] = 3000
    "maximum number of labels"
    seed: Annotated[int, Ge(0)] = 0
    "random seed for drawing samples and for the heads"


@dataclass(frozen=True)
class Round:
    """Keys that are labelled together."""

    train: tuple[str, ...]
    held: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Pool:
    """The samples that may be labelled: keys, and a row of features for each."""

    keys: Sequence[str]
    features: np.ndarray
    task: str
    options: ActiveLearning
    rows: dict[str, int] = field(init=False)
    order: list[str] = field(init=False)
    """All keys in a random order that depends on each key only."""
    scale: tuple[np.ndarray, np.ndarray] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", {key: row for row, key in enumerate(self.keys)})
        object.__setattr__(
            self, "order", sorted(self.keys, key=lambda key: (fraction(self.options.seed, key, 0, "label"), key))
        )
        object.__setattr__(self, "scale", measure(self.features))

    @property
    def reserve(self) -> list[str]:
        """Validation keys, in the order in which they are labelled."""
        return self.order[: max(1, round(self.options.held_out * min(self.options.max_labels, len(self.keys))))]

    def fit(self, labels: Mapping[str, float]) -> Head:
        """Trains a head on these labels."""
        features, values = self._labelled(labels)
        return fit(features, values, CLASSES[self.task], self.options.head, *self.scale, self.options.seed)

    def quality(self, head: Head, labels: Mapping[str, float]) -> float:
        return quality(head, *self._labelled(labels))

    def begin(self, given: Collection[str] = ()) -> Round:
        """The seed set: existing labels, a random share of which validates, and as many more as `first` needs."""
        labelled = [key for key in self.order if key in given]
        cut = round(len(labelled) * self.options.held_out)
        held, count = self._held(labelled, max(0, self.options.seed_labels - len(labelled)))
        free = [key for key in self.order[len(self.reserve) :] if key not in given]
        apart = round(count * self.options.diverse_share)
        drawn = free[: count - apart]
        spread = self._apart(free[len(drawn) : len(drawn) + SPREAD], drawn, apart)
        return Round((*labelled[cut:], *drawn, *spread), (*labelled[:cut], *held))

    def next(self, head: Head, asked: Collection[str]) -> Round | None:
        """The next round; None if no more labels are allowed or left."""
        count = min(self.options.batch, self.options.max_labels - len(asked))
        held, count = self._held(asked, count)
        known, reserved = set(asked), set(self.reserve)
        free = [key for key in self.keys if key not in known and key not in reserved]
        if count <= 0 or not free:
            return None
        doubt = self._doubt(head, free)
        shortlist = [free[place] for place in np.argsort(-doubt, kind="stable")[: count * self.options.shortlist]]
        return Round(tuple(self._apart(shortlist, [key for key in known if key not in reserved], count)), held)

    def flat(self, heads: Sequence[Head], held: Mapping[str, float]) -> bool:
        """Whether the last head is hardly better than the one `patience` rounds before, both measured on all labels of
        the reserve.

        The same labels judge both, so that only the head differs. No decision before the reserve has LEAST_HELD labels
        of each class.
        """
        classes = CLASSES[self.task]
        values = np.array(list(held.values()))
        shown = np.bincount(values.astype(int), minlength=len(classes)).min() if classes else len(values)
        if len(heads) <= self.options.patience or shown < LEAST_HELD:
            return False
        before, now = (self.quality(head, held) for head in (heads[-1 - self.options.patience], heads[-1]))
        return now - before < self.options.min_rise

    def _held(self, asked: Collection[str], count: int) -> tuple[tuple[str, ...], int]:
        """The reserve's part of a round of `count` labels, and the rest of that number."""
        known = set(asked)
        left = [key for key in self.reserve if key not in known]
        held = tuple(left[: round(count * self.options.held_out)])
        return held, count - len(held)

    def _doubt(self, head: Head, keys: Sequence[str]) -> np.ndarray:
        places = np.array([self.rows[key] for key in keys])
        blocks = [
            head.doubt(self.features[places[start : start + BLOCK]], self.options.uncertainty)
            for start in range(0, len(places), BLOCK)
        ]
        return np.concatenate(blocks)

    def _apart(self, choices: Sequence[str], centres: Sequence[str], count: int) -> list[str]:
        chosen = far_apart(self._standard(choices), self._standard(sorted(centres)), min(count, len(choices)))
        return [choices[place] for place in chosen]

    def _labelled(self, labels: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
        return self.features[[self.rows[key] for key in labels]], np.array(list(labels.values()))

    def _standard(self, keys: Sequence[str]) -> np.ndarray:
        return standard(self.features[np.array([self.rows[key] for key in keys], np.intp)], *self.scale)


def far_apart(choices: np.ndarray, centres: np.ndarray, count: int) -> list[int]:
    """k-centre greedy: repeatedly takes the row that is farthest from all centres and all chosen rows."""
    sizes = (choices**2).sum(1)
    near = np.full(len(choices), np.inf)
    for start in range(0, len(centres), BLOCK):
        block = centres[start : start + BLOCK]
        near = np.minimum(near, (sizes[:, None] - 2 * choices @ block.T + (block**2).sum(1)).min(1))
    chosen: list[int] = []
    for _ in range(count):
        place = int(near.argmax())
        chosen.append(place)
        near = np.minimum(near, sizes - 2 * choices @ choices[place] + sizes[place])
        near[chosen] = -np.inf
    return chosen
