"""The model that ships inside the package is whole, small, made by the recipe beside it, and as good as it says."""

import json
import math
from pathlib import Path

import pytest

from seedream_core import artifact
from seedream_core.data.scenes.prompts import evaluation_prompts
from seedream_core.flow.sampler import Sampler
from seedream_core.generate.model import find
from seedream_core.metrics.scene_accuracy import scene_accuracy

ROOT = Path(__file__).parents[2]


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
    assert (packaged / "logs" / "recipe.yaml").read_text() == (ROOT / "recipes" / "default.yaml").read_text()
    assert {"evaluations", "accuracy_seen", "accuracy_held_out", "seconds_per_image", "megabytes"} <= rows(packaged)["W4A8"].keys()


def test_it_is_as_good_as_it_says(packaged):
    prompts = evaluation_prompts(60, seed=31)
    sampler = Sampler.load(packaged)
    assert sampler.spec.steps == 4 and sampler.spec.guidance_distilled and sampler.spec.format == "w4a8"
    result = scene_accuracy(sampler.images([prompt.text for prompt in prompts], list(range(60))), prompts)
    right = sum(fault is None for fault in result.faults) / 60
    said = rows(packaged)["W4A8"]["accuracy_seen"]
    assert right >= said - 3 * math.sqrt(max(said * (1 - said), 0.01) / 60)
