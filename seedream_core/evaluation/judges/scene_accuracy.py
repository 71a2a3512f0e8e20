"""Strict scene accuracy: a picture counts only if everything asked for is there and nothing else.

The reader sees the picture alone; only its reading is held against the prompt.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from seedream_core.synthetic.scenes.prompts import Prompt
from seedream_core.synthetic.scenes.reader import Reading, read
from seedream_core.synthetic.scenes.world import OPPOSITE, SceneRequest


def fault(reading: Reading, asked: SceneRequest) -> str | None:
    """What is wrong with the picture that was read, in a few words; None where all is as asked."""
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


def matches(reading: Reading, asked: SceneRequest) -> bool:
    return fault(reading, asked) is None


@dataclass(frozen=True)
class Rate:
    right: int
    count: int

    @property
    def share(self) -> float:
        return self.right / self.count

    @property
    def interval(self) -> tuple[float, float]:
        """95%, Wilson: holds near 0 and 1, where accuracies of good models live."""
        z, n, p = 1.959964, self.count, self.share
        middle, half = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, (middle - half) / (1 + z * z / n)), min(1.0, (middle + half) / (1 + z * z / n))

    def to_json(self) -> dict:
        low, high = self.interval
        return {"share": self.share, "low": low, "high": high, "right": self.right, "count": self.count}


@dataclass(frozen=True)
class SceneAccuracy:
    prompts: tuple[Prompt, ...]
    faults: tuple[str | None, ...]
    """Of each picture, in the order of the prompts; None is a right one."""

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
    """Judges uint8 H×W×3 pictures, one for each prompt."""
    if not prompts:
        raise ValueError("scene accuracy needs at least one prompt")
    faults = tuple(fault(read(picture), prompt.asked) for picture, prompt in zip(pictures, prompts, strict=True))
    return SceneAccuracy(tuple(prompts), faults)
