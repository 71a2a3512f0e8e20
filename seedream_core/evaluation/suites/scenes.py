"""Suite of synthetic scenes with known truth: the same prompts, noise and true pictures for every model.

Reference pictures are renders of the same requests with other positions and sizes. No training picture is among them,
and both sides of a distance have the same shares of objects, colours and relations.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge

from seedream_core.evaluation.suites import Suite, SuiteItem
from seedream_core.randomness import Rng
from seedream_core.synthetic.scenes.prompts import Prompt, evaluation_prompts
from seedream_core.synthetic.scenes.world import HELD_OUT, World

if TYPE_CHECKING:
    import numpy as np

    from seedream_core.evaluation.judges import Judgement
    from seedream_core.evaluation.judges.scenes import SceneAccuracy


@dataclass(frozen=True, kw_only=True)
class ScenesSuite(Suite):
    prompts: Annotated[int, Ge(6)] = 300
    "prompts of colour-shape pairs that training shows: a third of each kind, half in each language"
    held_out_prompts: Annotated[int, Ge(0)] = 120
    "prompts with a pair that training never shows"
    held_out: tuple[str, ...] = HELD_OUT
    "the held-out pairs, as in the option of data/synthetic"

    def __post_init__(self) -> None:
        World(held_out=self.held_out)  # refuses pairs that do not exist
        if self.held_out_prompts and not self.held_out:
            raise ValueError("held_out_prompts: no pairs are held out; set it to 0")

    def exam(self, seed: int, width: int, height: int) -> ScenePrompts:
        world = World(width=width, height=height, held_out=self.held_out)
        return ScenePrompts.draw(world, seed, seen=self.prompts, held_out=self.held_out_prompts)

    def items(self, seed: int, width: int, height: int) -> list[SuiteItem]:
        scene_prompts = self.exam(seed, width, height)
        return [
            SuiteItem(name, index, prompt.text, noise, truth=prompt)
            for name, prompts in scene_prompts.prompts.items()
            for index, (prompt, noise) in enumerate(zip(prompts, scene_prompts.seeds(name), strict=True))
        ]


@dataclass(frozen=True)
class ScenePrompts:
    """The prompts of a suite with their seeds, and true pictures of them."""

    world: World
    seed: int
    prompts: dict[str, tuple[Prompt, ...]]
    """Prompts of the set `seen` and, where wanted, `held_out`."""

    @classmethod
    def draw(cls, world: World, seed: int, *, seen: int, held_out: int) -> ScenePrompts:
        prompts = {"seen": tuple(evaluation_prompts(seen, seed, world=world))}
        if held_out:
            prompts["held_out"] = tuple(evaluation_prompts(held_out, seed, held_out=True, world=world))
        return cls(world, seed, prompts)

    def seeds(self, name: str) -> list[int]:
        """The noise seed of each picture of a set, as for `generate --seed`."""
        return [self.seed + index for index in range(len(self.prompts[name]))]

    def renders(self, take: str) -> np.ndarray:
        """True pictures of the seen prompts, B×H×W×3; another `take` gives other positions and sizes."""
        import numpy as np

        from seedream_core.synthetic.scenes.render import render

        draws = ((prompt.asked, Rng("render", take, self.seed, i)) for i, prompt in enumerate(self.prompts["seen"]))
        scenes = (self.world.arrange(asked, draw) for asked, draw in draws)
        return np.stack([render(scene, self.world.width, self.world.height) for scene in scenes])

    def graded(self, faults: Sequence[str | None], name: str = "seen") -> SceneAccuracy:
        """The accuracy of a set whose pictures are judged already."""
        from seedream_core.evaluation.judges.scenes import SceneAccuracy

        return SceneAccuracy(self.prompts[name], tuple(faults))

    def grade(self, pictures: Iterable[np.ndarray], name: str = "seen") -> SceneAccuracy:
        from seedream_core.evaluation.judges.scenes import scene_accuracy

        return scene_accuracy(pictures, self.prompts[name])


def breakdown(graded: dict[str, SceneAccuracy]) -> list[dict]:
    """Rates by set, kind of scene and language."""
    rows = []
    for name, accuracy in graded.items():
        for group, rate in accuracy.by(lambda prompt: f"{prompt.kind} {prompt.language}").items():
            kind, language = group.split()
            rows.append({"set": name, "kind": kind, "language": language, **rate.to_json()})
    return rows


def verdicts(
    scene_prompts: ScenePrompts, graded: dict[str, SceneAccuracy], rung: str, shown: dict[str, Sequence[str]]
) -> list[dict]:
    """One row per picture; `shown` has the files of each set's first pictures."""
    rows = []
    for name, accuracy in graded.items():
        files = shown[name]
        for index, (prompt, fault, seed) in enumerate(
            zip(accuracy.prompts, accuracy.faults, scene_prompts.seeds(name), strict=True)
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


class SceneFigures:
    """Figures that only scenes have: strict accuracy by kind and language, paired comparisons, distances to true
    pictures.
    """

    def __init__(self, scene_prompts: ScenePrompts, vae: Path) -> None:
        from seedream_core.evaluation.metrics.distances import Distances, LatentFeatures
        from seedream_core.pipeline import generator

        self.scene_prompts, self.autoencoder = scene_prompts, generator.load_autoencoder(vae)
        self.distances = Distances(LatentFeatures(self.autoencoder), scene_prompts.renders("reference"))
        self.verdicts: list[dict] = []
        self.rights: dict[str, dict[str, list[bool]]] = {}

    def row(
        self,
        name: str,
        images: np.ndarray,
        judged: Sequence[Mapping[str, Judgement]],
        files: Sequence[str | None],
    ) -> dict:
        graded, shown, start = {}, {}, 0
        for part, prompts in self.scene_prompts.prompts.items():
            rows = slice(start, start + len(prompts))
            graded[part] = self.scene_prompts.graded([found["scenes"].reason for found in judged[rows]], part)
            shown[part] = [file for file in files[rows] if file]
            start += len(prompts)
        self.verdicts += verdicts(self.scene_prompts, graded, name, shown)
        self.rights[name] = {part: accuracy.rights for part, accuracy in graded.items()}
        return {
            "accuracy": {part: accuracy.rate.to_json() for part, accuracy in graded.items()},
            "breakdown": breakdown(graded),
            "distance": self.distances.to(images[: len(self.scene_prompts.prompts["seen"])]).to_json(),
        }

    def summary(self, origin: dict) -> dict:
        from seedream_core.evaluation.metrics.paired import compare

        renders, rights = self.scene_prompts.renders("fresh"), self.rights
        return {
            "comparisons": [
                {"first": first, "second": second, "set": name}
                | compare(rights[first][name], rights[second][name]).to_json()
                for first, second in itertools.combinations(rights, 2)
                for name in self.scene_prompts.prompts
            ],
            "renders": {
                "accuracy": self.scene_prompts.grade(renders).rate.to_json(),
                "distance": self.distances.to(renders).to_json(),
            },
            "autoencoder": origin | _round_trip(self.autoencoder, renders, self.scene_prompts, self.distances),
        }


def _round_trip(autoencoder: Any, renders: np.ndarray, scene_prompts: ScenePrompts, distances: Any) -> dict:
    """The accuracy lost by the autoencoder alone: renders, encoded and decoded, judged like a model's pictures."""
    import numpy as np
    import torch
    from torchmetrics.functional.image import peak_signal_noise_ratio

    from seedream_core.pipeline.sampler import to_pixels

    pixels = torch.from_numpy(renders).permute(0, 3, 1, 2)
    with torch.inference_mode():
        parts = [
            to_pixels(autoencoder.decode(autoencoder.encode(part.float() / 127.5 - 1).mean))
            for part in pixels.split(32)
        ]
    images = np.concatenate(parts)
    given, got = (torch.from_numpy(side).double() for side in (renders, images))
    psnr = peak_signal_noise_ratio(got, given, data_range=255.0, dim=(1, 2, 3))
    return {
        "psnr": float(psnr),
        "accuracy": scene_prompts.grade(images).rate.to_json(),
        "distance": distances.to(images).to_json(),
    }
