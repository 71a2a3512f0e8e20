"""Every recipe that we ship loads, and its plan holds."""

from pathlib import Path

import pytest

from seedream_core import recipe

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("**/*.yaml")), ids=lambda path: path.stem)
def test_the_recipe_loads_and_plans(path, tmp_path):
    if path.parent.name == "hosts":
        pytest.skip("a host, not a recipe")
    loaded = recipe.load(path, out=tmp_path)
    planned = recipe.plan(loaded)
    assert [item.state for item in planned] == ["new"] * len(loaded.steps) and loaded.steps
    for item in planned:
        assert all((tmp_path / need) in {step.folder for step in loaded.steps} for need in item.step.needs)
        if item.step.stage.makes == "generator":
            assert item.step.facts["parameters"] > 0 and item.step.facts["image_tokens"] > 0
