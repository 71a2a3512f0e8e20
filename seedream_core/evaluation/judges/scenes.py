"""Judge of synthetic scenes: a picture is right only if it shows everything that was asked for and nothing else.

The reader sees only the picture; its reading is then compared with the prompt. In this room, only this judge and the
suite of the same name know a synthetic world.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from seedream_core.evaluation.judges import Atom, Judge, Judgement
from seedream_core.evaluation.metrics.rate import Rate
from seedream_core.evaluation.suites import SuiteItem
from seedream_core.synthetic.scenes.prompts import Prompt
from seedream_core.synthetic.scenes.reader import Reading, read
from seedream_core.synthetic.scenes.world import OPPOSITE, SceneRequest
from seedream_core.workflow.host import Host


def fault(reading: Reading, asked: SceneRequest) -> str | None:
    """What is wrong with a picture, in a few words; None where it shows what was asked."""
    if reading.problems:
        return reading.problems[0]
    if reading.background != asked.background:
        return f"background {reading.background}, not {asked.background}"
    if len(reading.objects) != asked.count:
        return f"{len(reading.objects)} objects, not {asked.count}"
    wanted = Counter(asked.things if asked.kind == "pair" else asked.things * asked.count)
    found = Counter(one.thing for one in reading.objects)
    if found != wanted:
        return f"{', '.join(map(str, found - wanted))}, not {', '.join(map(str, wanted - found))}"
    if asked.relation is None:
        return None
    relation = reading.relation
    if relation and reading.objects[0].thing != asked.things[0]:
        relation = OPPOSITE[relation]
    return None if relation == asked.relation else f"relation {relation or 'unclear'}, not {asked.relation}"


def atoms(reading: Reading, asked: SceneRequest) -> tuple[Atom, ...]:
    """The score of each part of a request by itself; a picture with all parts right may still show something more."""
    shapes, things = {one.shape for one in reading.objects}, {one.thing for one in reading.objects}
    found = [Atom("scenes", "ground", asked.background, float(reading.background == asked.background))]
    found.append(Atom("scenes", "count", str(asked.count), float(len(reading.objects) == asked.count)))
    for thing in dict.fromkeys(asked.things):
        found.append(Atom("scenes", "object", thing.shape, float(thing.shape in shapes)))
        found.append(Atom("scenes", "colour", str(thing), float(thing in things)))
    if asked.relation:
        found.append(
            Atom("scenes", "relation", asked.relation, float(things == set(asked.things) and _relation(reading, asked)))
        )
    return tuple(found)


def _relation(reading: Reading, asked: SceneRequest) -> bool:
    turned = reading.objects[0].thing != asked.things[0]
    return reading.relation == (OPPOSITE[asked.relation] if turned else asked.relation)


@dataclass(frozen=True, kw_only=True)
class ScenesJudge(Judge):
    """Score 1 only where the picture shows everything that was asked for and nothing else."""

    def applies(self, item: SuiteItem) -> bool:
        return isinstance(item.truth, Prompt)

    def start(self, host: Host) -> Callable[[SuiteItem, np.ndarray], Judgement]:
        def look(item: SuiteItem, picture: np.ndarray) -> Judgement:
            reading = read(picture)
            reason = fault(reading, item.truth.asked)
            return Judgement(atoms(reading, item.truth.asked), float(reason is None), reason)

        return look


@dataclass(frozen=True)
class SceneAccuracy:
    prompts: tuple[Prompt, ...]
    faults: tuple[str | None, ...]
    """What is wrong with each picture, in the order of the prompts; None for a right one."""

    @property
    def rights(self) -> list[bool]:
        return [fault is None for fault in self.faults]

    @property
    def rate(self) -> Rate:
        return Rate(sum(self.rights), len(self.faults))

    def by(self, group: Callable[[Prompt], str]) -> dict[str, Rate]:
        rows: dict[str, list[bool]] = {}
        for prompt, right in zip(self.prompts, self.rights, strict=True):
            rows.setdefault(group(prompt), []).append(right)
        return {name: Rate(sum(rights), len(rights)) for name, rights in rows.items()}

    def to_json(self) -> dict:
        def rates(group: Callable[[Prompt], str]) -> dict:
            return {name: rate.to_json() for name, rate in self.by(group).items()}

        return {
            **self.rate.to_json(),
            "kinds": rates(lambda prompt: prompt.kind),
            "languages": rates(lambda prompt: prompt.language),
            "pictures": [
                {"prompt": prompt.text, "right": fault is None, "fault": fault}
                for prompt, fault in zip(self.prompts, self.faults, strict=True)
            ],
        }


def scene_accuracy(pictures: Iterable[np.ndarray], prompts: Sequence[Prompt]) -> SceneAccuracy:
    """Judge uint8 H×W×3 pictures, one for each prompt."""
    if not prompts:
        raise ValueError("scene accuracy needs at least one prompt")
    faults = tuple(fault(read(picture), prompt.asked) for picture, prompt in zip(pictures, prompts, strict=True))
    return SceneAccuracy(tuple(prompts), faults)
