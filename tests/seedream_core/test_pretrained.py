"""The model that ships inside the package is whole, small, made by the recipe beside it, and as good as it says."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from seedream_core.evaluation.judges.scenes import fault, scene_accuracy
from seedream_core.generate.model import find
from seedream_core.pipeline.generator import load_autoencoder
from seedream_core.pipeline.sampler import Sampler, to_pixels
from seedream_core.synthetic.scenes.prompts import evaluation_prompts
from seedream_core.synthetic.scenes.reader import read
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import World
from seedream_core.workflow import artifact

ROOT = Path(__file__).parents[2]
STUDENT = "run: distill/student\n    model: tuned\n    data: latents\n"


@pytest.fixture
def packaged(monkeypatch):
    monkeypatch.delenv("SEEDREAM_MODEL", raising=False)
    return find()


def rows(folder):
    return {row["name"]: row for row in json.loads((folder / "logs" / "summary.json").read_text())}


def test_it_is_whole_and_at_most_16_megabytes(packaged):
    assert artifact.verify(packaged) == []
    assert sum(path.stat().st_size for path in packaged.rglob("*") if path.is_file()) <= 16e6


def test_it_says_how_it_was_made_and_how_good_it_is(packaged):
    made, now = (
        (folder / name).read_text()
        for folder, name in ((packaged / "logs", "recipe.yaml"), (ROOT / "recipes", "default.yaml"))
    )
    # The recipe is the same under the names that options have now, but for the points where the student starts.
    for former, name in (
        ("blurred, duplicate]", "blurred]\n    dedup: [exact]"),
        ("    budget:", "    bad_budget:"),
        ("choose: {by:", "choose: {score:"),
        ("# 100 minutes", f"{now.splitlines()[1]}\n# 100 minutes"),
        (
            STUDENT,
            f"{STUDENT}    phases: [guidance, {{name: trajectory_regression, points: 4, simulated: 0.5, share: 4}}]\n",
        ),
    ):
        made = made.replace(former, name)
    assert made == now
    assert {"evaluations", "accuracy_seen", "accuracy_held_out", "seconds_per_image", "megabytes"} <= rows(packaged)[
        "W4A8"
    ].keys()


def test_it_is_as_good_as_it_says(packaged):
    prompts = evaluation_prompts(60, seed=31)
    sampler = Sampler.load(packaged)
    assert sampler.spec.steps == 4 and sampler.spec.guidance_distilled and sampler.spec.format == "w4a8"
    result = scene_accuracy(sampler.images([prompt.text for prompt in prompts], list(range(60))), prompts)
    right = sum(fault is None for fault in result.faults) / 60
    said = rows(packaged)["W4A8"]["accuracy_seen"]
    assert right >= said - 3 * math.sqrt(max(said * (1 - said), 0.01) / 60)


def test_a_picture_is_the_same_whatever_is_drawn_beside_it(packaged):
    sampler, prompts = Sampler.load(packaged), [prompt.text for prompt in evaluation_prompts(6, seed=5)]
    together = sampler.images(prompts, list(range(6)))
    alone = [sampler.images([prompt], [seed])[0] for seed, prompt in enumerate(prompts)]
    assert abs(together.astype(int) - np.stack(alone)).max() <= 1


def round_trip(folder, count):
    """Share of fresh renders that the judge still reads fully right after the packaged autoencoder."""
    autoencoder, scenes = load_autoencoder(folder / "autoencoder"), [World().sample(4242, i) for i in range(count)]
    right = 0
    for start in range(0, count, 100):
        some = scenes[start : start + 100]
        images = (
            torch.from_numpy(np.stack([render(scene, 64, 64) for scene in some])).permute(0, 3, 1, 2).float() / 127.5
            - 1
        )
        with torch.inference_mode():
            back = to_pixels(autoencoder.decode(autoencoder.encode(images).mean))
        right += sum(fault(read(picture), scene.asked) is None for picture, scene in zip(back, some))
    return right / count


def test_scenes_stay_legible_through_its_autoencoder(packaged):
    assert round_trip(packaged, 200) >= 0.98


@pytest.mark.slow
def test_two_thousand_scenes_stay_legible_through_its_autoencoder(packaged):
    assert round_trip(packaged, 2000) >= 0.98
