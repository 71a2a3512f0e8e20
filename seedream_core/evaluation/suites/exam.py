"""One exam for every model of a comparison: the same prompts, noise seeds and reference pictures of the embedded world.

References are renders of the same requests, arranged anew: no training picture is among them, and what is
asked for has the same shares on both sides of a distance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from seedream_core.evaluation.judges.scene_accuracy import SceneAccuracy, scene_accuracy
from seedream_core.synthetic.scenes.prompts import Prompt, evaluation_prompts
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import Rng, World


@dataclass(frozen=True)
class Exam:
    world: World
    seed: int
    prompts: dict[str, tuple[Prompt, ...]]
    """Of the sets `seen` and, where asked for, `held_out`."""

    @classmethod
    def draw(cls, world: World, seed: int, *, seen: int, held_out: int) -> Exam:
        prompts = {"seen": tuple(evaluation_prompts(seen, seed, world=world))}
        if held_out:
            prompts["held_out"] = tuple(evaluation_prompts(held_out, seed, held_out=True, world=world))
        return cls(world, seed, prompts)

    def seeds(self, name: str) -> list[int]:
        """The noise seed of each picture of a set: what `generate --seed` takes."""
        return [self.seed + index for index in range(len(self.prompts[name]))]

    def renders(self, take: str) -> np.ndarray:
        """True pictures of the seen prompts, B×H×W×3; another `take` arranges them otherwise."""
        draws = ((prompt.asked, Rng("render", take, self.seed, i)) for i, prompt in enumerate(self.prompts["seen"]))
        scenes = (self.world.arrange(asked, draw) for asked, draw in draws)
        return np.stack([render(scene, self.world.width, self.world.height) for scene in scenes])

    def grade(self, pictures: Iterable[np.ndarray], name: str = "seen") -> SceneAccuracy:
        return scene_accuracy(pictures, self.prompts[name])


def breakdown(graded: dict[str, SceneAccuracy]) -> list[dict]:
    """Rates by set, kind of scene and language."""
    rows = []
    for name, accuracy in graded.items():
        for group, rate in accuracy.by(lambda prompt: f"{prompt.kind} {prompt.language}").items():
            kind, language = group.split()
            rows.append({"set": name, "kind": kind, "language": language, **rate.to_json()})
    return rows


def verdicts(exam: Exam, graded: dict[str, SceneAccuracy], rung: str, shown: dict[str, Sequence[str]]) -> list[dict]:
    """One row per picture; `shown` has the files of each set's first pictures."""
    rows = []
    for name, accuracy in graded.items():
        files = shown[name]
        for index, (prompt, fault, seed) in enumerate(
            zip(accuracy.prompts, accuracy.faults, exam.seeds(name), strict=True)
        ):
            rows.append(
                {
                    "rung": rung,
                    "set": name,
                    "index": index,
                    "seed": seed,
                    "prompt": prompt.text,
                    "language": prompt.language,
                    "kind": prompt.kind,
                    "right": fault is None,
                    "reason": fault,
                    "picture": files[index] if index < len(files) else None,
                }
            )
    return rows
