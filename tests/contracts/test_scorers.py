"""Every scorer that needs no model: it gives what it says, alike at any chunking, changes no pixels, survives YAML."""

import numpy as np
import pytest

from seedream_core.data.curation.lazy_sample import COSTS, LazySample
from seedream_core.data.curation.scorers import Scorer
from seedream_core.errors import UserError
from seedream_core.records import Sample
from seedream_core.synthetic.scenes.captions import captions
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import World
from seedream_core.workflow.config import dump, parse

MODELS = ("agreement", "embedding", "heads", "ocr", "unsafe")
"""Scorers that look with what is not packaged."""


def views() -> list[LazySample]:
    world = World()
    scenes = [world.sample(0, index) for index in range(5)]
    return [
        LazySample.of(
            Sample(key=f"a{index}", width=64, height=64, captions=captions(scene, f"0/{index}", world)),
            render(scene, 64, 64),
        )
        for index, scene in enumerate(scenes)
    ]


@pytest.mark.parametrize("name", Scorer.names())
def test_contract(name):
    made = Scorer.find(name)()
    assert made.name() == name and parse(type(made), {k: v for k, v in dump(made).items() if k != "name"}) == made
    assert made.reads in COSTS and made.gives and hash(made) == hash(Scorer.find(name)())
    try:
        score = made.start({})
    except UserError as error:
        assert name in MODELS and (name in str(error) or any(word in str(error) for word in made.gives))
        return
    together, alone = views(), views()
    score(together)
    score([])
    for view in alone:
        score([view])
    for one, other in zip(together, alone, strict=True):
        given = {*one.scores, *one.features, *(["boxes"] if "boxes" in made.gives else [])}
        assert given == set(made.gives) and all(0 <= value <= 1 for value in one.scores.values())
        assert one.scores == other.scores and one.boxes == other.boxes
        assert all(np.array_equal(one.features[feature], other.features[feature]) for feature in one.features)
    assert all(np.array_equal(view.pixels, clean.pixels) for view, clean in zip(together, views()))
