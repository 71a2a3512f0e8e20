"""Heads as a scorer: what they would say by themselves, alike at any chunking, features left as they were."""

import json

import numpy as np
import pytest

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers.appearance import describe
from seedream_core.data.curation.scorers.heads import HeadsScorer
from seedream_core.data.labelling import score_heads
from seedream_core.data.labelling.score_heads import Head
from seedream_core.errors import DataError, UserError
from seedream_core.records import Sample
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import World

ORIGIN = {"scorer": {"name": "appearance"}, "features": "appearance"}


def head(task: str, seed: int) -> Head:
    random, outputs = np.random.default_rng(seed), len(score_heads.CLASSES[task]) or 1
    layer = random.normal(0, 0.2, (3, 348, outputs)).astype("float32"), np.zeros((3, 1, outputs), "float32")
    return Head(score_heads.CLASSES[task], np.zeros(348, "float32"), np.ones(348, "float32"), (layer,), ORIGIN)


def views(count=7) -> list[LazySample]:
    return [
        LazySample.of(
            Sample(key=f"a{index}", width=64, height=64, captions={}), render(World().sample(0, index), 64, 64)
        )
        for index in range(count)
    ]


def test_scores(tmp_path):
    trained = {task: head(task, number) for number, task in enumerate(score_heads.CLASSES)}
    score_heads.save(tmp_path, trained)
    score, together, alone = HeadsScorer().start({"heads": tmp_path}), views(), views()
    score(together)
    for view in alone:
        score([view])
    for one, other in zip(together, alone, strict=True):
        assert one.scores == other.scores and one.scores.keys() == set(HeadsScorer.gives) and not one.features
        assert 0 <= one.scores["defect"] <= 1 and 0 <= one.scores["difficulty"] <= 1
        for task, found in one.scores.items():
            assert found == pytest.approx(float(trained[task].score(describe(one.pixels)[None])[0]), abs=1e-4)


def test_features_that_are_there_are_taken_and_stay(tmp_path):
    score_heads.save(tmp_path, {"defect": head("defect", 0)})
    (one,) = views(1)
    one.features["appearance"] = np.zeros(348, np.float32)
    HeadsScorer().start({"heads": tmp_path})([one])
    assert one.scores == {"defect": 0.5} and not one.features["appearance"].any()


def test_no_heads_and_strange_ones(tmp_path):
    with pytest.raises(UserError, match="the scorer heads needs trained heads.*\n.*data/label"):
        HeadsScorer().start({})
    score_heads.save(tmp_path, {"defect": head("defect", 0)})
    page = json.loads((tmp_path / "heads.json").read_text())
    page["heads"]["defect"]["features"] = "smell"
    (tmp_path / "heads.json").write_text(json.dumps(page))
    with pytest.raises(DataError, match="appearance does not give smell"):
        HeadsScorer().start({"heads": tmp_path})
