"""Every filter: its config survives YAML, it keeps a clean scene, says the same twice, and changes nothing it sees."""

import pytest

from seedream_core.data.curation.filters import Filter
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers import Scorer
from seedream_core.records import Sample, Verdict
from seedream_core.synthetic.scenes.captions import captions
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import World
from seedream_core.workflow.config import dump, parse

GIVEN = {"score": {"score": "defect", "max_value": 0.5}, "words": {"words": ("weapon",)}}
"""Options of filters that have required ones."""
MEASURED = {"agreement": 0.9, "defect": 0.1, "unsafe": 0.1}
"""What models from outside would say of a clean scene."""


@pytest.fixture
def view() -> LazySample:
    world = World()
    scene = world.sample(0, 5)
    sample = Sample(key="a", width=64, height=64, captions=captions(scene, "0/5", world))
    return LazySample.of(sample, render(scene, 64, 64))


@pytest.mark.parametrize("name", Filter.names())
def test_contract(name, view):
    made = Filter.find(name)(**GIVEN.get(name, {}))
    assert made.name() == name and parse(type(made), {k: v for k, v in dump(made).items() if k != "name"}) == made
    before = view.pixels.copy()
    for need in made.needs:
        if need in MEASURED:
            view.scores[need] = MEASURED[need]
        else:
            Scorer.giving(need).start({})([view])
    first, second = made(view), made(view)
    assert isinstance(first, Verdict) and first == second and first.keep
    assert (view.pixels == before).all() and all(0 <= score <= 1 for score in view.scores.values())
