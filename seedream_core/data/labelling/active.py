"""The active-learning loop: train, choose, ask, repeat until the validation curve is flat (Seedream 2.0; the loop is
our design).

The loop holds no state of its own: from the rounds that were asked for and their labels it comes to the same heads
again, so that it goes on after a kill, or days later when a person has filled in the labels.

Measured (tests/acceptance/test_active_learning.py: pool 5,000, 5% positives, median of seeds 11 to 13): labels to 0.98
of the full pool's average precision, the reserve's among them, against random ones: 700 to 3,900 (faint overlays), 600
to 3,100 (a rare combination), 300 to 800 (blur or noise). By itself it stops at 1,000 to 1,700, at 0.993 of the full
pool or better.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count

from seedream_core.data.labelling.acquisition import Pool, Round
from seedream_core.data.labelling.score_heads import Head

ALL = "no pictures are left to label"
SKIP = "skip"
"""Used instead of a label for a picture that cannot be decided."""
Label = float | str
"""Index of a class, a number, or SKIP."""
Answer = Callable[[Iterable[str]], Mapping[str, Label]]


@dataclass(kw_only=True)
class LearningResult:
    """The head trained on the labels so far, and its history."""

    train: dict[str, float] = field(default_factory=dict)
    held: dict[str, float] = field(default_factory=dict)
    heads: list[Head] = field(default_factory=list)
    """One head per round, from the labels in `train`."""
    curve: list[dict] = field(default_factory=list)
    stopped: str = ""

    @property
    def labels(self) -> int:
        return len(self.train) + len(self.held)


def learn(
    pool: Pool,
    rounds: list[Round],
    ask: Callable[[Round, int], Mapping[str, Label]],
    *,
    given: Mapping[str, Label] = {},
    further: bool = True,
    random: Answer | None = None,
    note: Callable[[LearningResult], None] = lambda learned: None,
) -> LearningResult:
    """Ask until the curve is flat, `pool.options.max_labels` labels are spent, or nothing is left.

    `rounds` are those that were asked for before, and grow. `ask` answers one of them, or raises. `given` are labels
    that came unasked: the seed set begins with them (`Pool.begin`); those that come later teach from the start, but
    never validate. Unless `further`, nothing is asked for after the rounds there are. `random` answers for any key:
    then as many labels, taken at random, teach a head of their own at each round, for the curve. `note` is called
    in every round, before its labels are asked for and after.
    """
    learned, reserve = LearningResult(), set(pool.reserve)
    if not rounds:
        rounds.append(pool.begin(given))
        note(learned)
    later = {key for one in rounds for key in (*one.train, *one.held)}
    unasked = {key: label for key, label in given.items() if key not in later and key not in reserve}
    learned.train |= _without_skipped(unasked)
    asked = set(unasked)
    for number in count():
        if number == len(rounds):
            if not further:
                learned.stopped = "no more labels are available"
                return learned
            following = pool.next(learned.heads[-1], asked)
            if following is None:
                learned.stopped = f"{len(asked)} labels were spent" if len(asked) >= pool.options.max_labels else ALL
                return learned
            rounds.append(following)
            note(learned)
        now = rounds[number]
        labels = ask(now, number)
        asked |= {*now.train, *now.held}
        learned.train |= _without_skipped({key: labels[key] for key in now.train})
        learned.held |= _without_skipped({key: labels[key] for key in now.held})
        learned.heads.append(pool.fit(learned.train))
        learned.curve.append(_point(pool, "active", number, learned, learned.heads[-1]))
        if random:
            rest = [key for key in pool.order if key not in reserve][: len(learned.train)]
            learned.curve.append(_point(pool, "random", number, learned, pool.fit(_without_skipped(random(rest)))))
        note(learned)
        if pool.flat(learned.heads, learned.held):
            learned.stopped = f"{pool.options.patience} rounds raised the score by less than {pool.options.min_rise:g}"
            return learned


def _without_skipped(labels: Mapping[str, Label]) -> dict[str, float]:
    return {key: label for key, label in labels.items() if label != SKIP}


def _point(pool: Pool, chosen: str, number: int, learned: LearningResult, head: Head) -> dict:
    """One point of the curve; it has no score if all validation labels are the same, because any head would then be
    right.
    """
    score = round(pool.quality(head, learned.held), 4) if len(set(learned.held.values())) > 1 else None
    return {"chosen": chosen, "round": number, "labels": learned.labels, "held_out": len(learned.held), "score": score}
