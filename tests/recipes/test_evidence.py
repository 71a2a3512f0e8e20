"""What an evidence recipe says that it holds equal is equal."""

from pathlib import Path

import pytest

from seedream_core.workflow import recipe

EVIDENCE = Path(__file__).parents[2] / "recipes" / "evidence"


def test_the_students_of_the_consistency_recipe_cost_the_same_flops(tmp_path):
    planned = recipe.plan(recipe.load(EVIDENCE / "consistency.yaml", out=tmp_path))
    students = {item.step.name: item.step for item in planned if item.step.stage.path() == "distill/student"}
    flops = {name: step.facts["flops"] for name, step in students.items()}
    assert len(flops) == 15 and list(flops.values()) == pytest.approx([flops["regression_0"]] * 15, rel=0.005)
    seeds = {name: step.stage.train.seed for name, step in students.items()}
    assert all(name.endswith(f"_{seed}") for name, seed in seeds.items())
