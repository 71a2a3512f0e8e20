"""Every way to find duplicates: the first of equal samples stays, clean scenes all stay, order of the input decides."""

import numpy as np
import pytest

from seedream_core.data.curation.dedup import Dedup
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers import Scorer
from seedream_core.records import Sample
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import World
from seedream_core.workflow.config import dump, parse


@pytest.mark.parametrize("name", Dedup.names())
def test_contract(name):
    made = Dedup.find(name)()
    assert parse(type(made), {k: v for k, v in dump(made).items() if k != "name"}) == made
    scenes = [World().sample(3, index) for index in (0, 1, 2, 1, 3, 0)]
    views = [
        LazySample.of(Sample(key=f"a{index}", width=64, height=64, captions={}), render(scene, 64, 64))
        for index, scene in enumerate(scenes)
    ]
    for need in made.needs:
        if need == "embedding":  # an encoder that tells every scene from the others
            for view, alike in zip(views, (0, 1, 2, 1, 3, 0)):
                view.features[need] = np.eye(4, dtype=np.float16)[alike]
        else:
            Scorer.giving(need).start({})(views)
    features = {need: np.stack([view.features[need] for view in views]) for need in made.needs}
    reasons = made(features, [view.sample.key for view in views])
    assert reasons.keys() == {3, 5} and "a1" in reasons[3] and "a0" in reasons[5]
    assert made({need: values[:0] for need, values in features.items()}, []) == {}
