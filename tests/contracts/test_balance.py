"""Every way to balance: its config survives YAML, it weighs each sample, the same twice, and sees no truth."""

import dataclasses

import numpy as np
import pytest

from seedream_core.data.balancing import Balance, Crowd
from seedream_core.data.balancing.look import look
from seedream_core.synthetic.scenes.captions import captions
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import World
from seedream_core.workflow.config import dump, parse


@pytest.fixture(scope="module")
def crowd() -> Crowd:
    world = World(zipf=1.5)
    scenes = [world.sample(8, index) for index in range(200)]
    return Crowd(
        np.stack([look(render(scene, 64, 64)) for scene in scenes]),
        [captions(scene, index, world) for index, scene in enumerate(scenes)],
        ["a"] * 150 + ["b"] * 50,
    )


@pytest.mark.parametrize("name", Balance.names())
def test_contract(name, crowd):
    made = Balance.find(name)()
    assert made.name() == name and parse(type(made), {k: v for k, v in dump(made).items() if k != "name"}) == made
    first, second = made(crowd), made(crowd)
    assert first.weights.shape == (200,) and (first.weights > 0).all() and np.isfinite(first.weights).all()
    assert (first.weights == second.weights).all() and first.weights.std() > 0
    assert first.concepts and all(
        item.rows.max() < 200 and item.columns.max() < len(item.names) for item in first.concepts.values()
    )


def test_a_crowd_has_no_truth():
    assert {field.name for field in dataclasses.fields(Crowd)} == {"features", "captions", "sources"}
