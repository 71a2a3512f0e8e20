"""Every recipe and host file that we ship loads, and its plan holds."""

from pathlib import Path

import pytest

from seedream_core.workflow import execute, recipe

RECIPES = Path(__file__).parents[2] / "recipes"


HOSTS = sorted((RECIPES / "hosts").glob("*.yaml"))


@pytest.mark.parametrize("path", sorted(set(RECIPES.glob("**/*.yaml")) - set(HOSTS)), ids=lambda path: path.stem)
def test_the_recipe_loads_and_plans(path, tmp_path):
    loaded = recipe.load(path, out=tmp_path)
    planned = recipe.plan(loaded)
    assert [item.state for item in planned] == ["new"] * len(loaded.steps) and loaded.steps
    for item in planned:
        assert all((tmp_path / need) in {step.folder for step in loaded.steps} for need in item.step.needs)
        if item.step.stage.makes == "generator":
            assert item.step.facts["parameters"] > 0 and item.step.facts["image_tokens"] > 0


@pytest.mark.parametrize("path", HOSTS, ids=lambda path: path.stem)
def test_the_host_file_is_a_host(path):
    host = execute.read_host(path)
    assert host.devices * host.nodes == {"cpu": 1, "node8": 8, "slurm": 32}[path.stem]
    assert (host.launch is not None) == (path.stem == "slurm")
