"""The curation funnel: runs filters in order of cost, and a scorer only on samples still kept when a filter needs it.

A picture that is dropped by its record or thumbnail is never decoded fully; a kept picture always is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seedream_core.data.curation.filters import Filter
from seedream_core.data.curation.lazy_sample import COSTS, LazySample
from seedream_core.data.curation.scorers import Scorer
from seedream_core.errors import DataError, UserError

FILTERS = ("size", "caption", "uniform", "noisy", "blurred", "meaningless", "defect_area")
"""Default filters of data/curate."""


@dataclass(frozen=True)
class Ruling:
    """Result for one sample: kept, dropped by a filter, or unreadable."""

    fate: str = "kept"
    cause: str = ""
    """The filter, or the kind of damage; "" for a kept sample."""
    reason: str = ""


@dataclass(frozen=True)
class FunnelPlan:
    """Scorers and filters in the order in which they run."""

    steps: tuple[Scorer | Filter, ...]

    @classmethod
    def of(cls, scorers: Sequence[Scorer], filters: Sequence[Filter], wanted: Iterable[str] = ()) -> "FunnelPlan":
        """Orders filters by cost (otherwise as given), each after the scorers that it needs, then the remaining
        scorers.

        A score that no given scorer computes comes from the first scorer of the family that does so, with default
        options. ValueError if there is none.
        """
        found: dict[str, Scorer] = {}
        for scorer in scorers:
            for name in scorer.gives:
                if name in found:
                    raise ValueError(f"scorers: {found[name].name()} and {scorer.name()} both give {name}")
                found[name] = scorer

        def giving(name: str, asker: str) -> Scorer:
            scorer = found.get(name) or Scorer.giving(name)
            if scorer is None:
                raise ValueError(f"{asker} needs {name!r}, which no scorer computes; list one under scorers")
            return found.setdefault(name, scorer)

        needed = {item: [giving(name, item.name()) for name in item.needs] for item in filters}
        costs = {item: max(COSTS.index(one.reads) for one in (item, *needed[item])) for item in filters}
        steps: dict[Scorer | Filter, None] = {}
        for item in sorted(filters, key=costs.__getitem__):
            steps |= dict.fromkeys([*needed[item], item])
        return cls(tuple(steps | dict.fromkeys([*scorers, *(giving(name, "dedup") for name in wanted)])))

    @property
    def filters(self) -> list[str]:
        return [step.name() for step in self.steps if isinstance(step, Filter)]


class Funnel:
    """Runs a plan in one process."""

    def __init__(self, plan: FunnelPlan, models: Mapping[str, Path]) -> None:
        self.steps = [(step, step.start(models) if isinstance(step, Scorer) else step) for step in plan.steps]

    def __call__(self, views: Sequence[LazySample]) -> list[Ruling]:
        """A ruling on each sample; scorers store their results in the sample."""
        rulings: dict[int, Ruling] = {}

        def alive() -> list[int]:
            return [place for place in range(len(views)) if place not in rulings]

        for step, run in self.steps:
            self._look(views, alive(), step.reads, rulings)
            if isinstance(step, Scorer):
                run([views[place] for place in alive()])
                continue
            for place in alive():
                self._noted(views[place], step)
                verdict = run(views[place])
                if not verdict.keep:
                    rulings[place] = Ruling("dropped", step.name(), f"{step.name()}: {verdict.reason}")
        self._look(views, alive(), "pixels", rulings)
        return [rulings.get(place, Ruling()) for place in range(len(views))]

    def _noted(self, view: LazySample, asker: Filter) -> None:
        """Checks that scorers gave what a filter needs: the scores of heads depend on their training."""
        if missing := [
            name for name in asker.needs if name != "boxes" and name not in view.scores and name not in view.features
        ]:
            raise UserError(
                f"{asker.name()} needs {missing[0]!r}, which no scorer computed for {view.sample.key}; it has "
                f"{', '.join((*view.scores, *view.features)) or 'no scores'}",
                f"give heads trained for {missing[0]}, or a scorer that measures it",
            )

    def _look(self, views: Sequence[LazySample], places: Iterable[int], what: str, rulings: dict[int, Ruling]) -> None:
        """Decodes the data that a step will read, so that a broken picture is found only here."""
        if what == "record":
            return
        for place in places:
            try:
                height, width, _ = getattr(views[place], what).shape
                if what == "pixels" and (width, height) != views[place].size:
                    raise DataError(
                        f"{width}×{height} pixels where the record says {'×'.join(map(str, views[place].size))}"
                    )
            except DataError as error:
                rulings[place] = unreadable("picture", error.message)


def unreadable(what: str, reason: str) -> Ruling:
    """A quarantined ruling; the reason begins with the unreadable part, once."""
    return Ruling("quarantined", f"unreadable {what}", f"{what}: {reason.removeprefix(f'{what}: ')}")
