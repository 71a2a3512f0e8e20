"""The world's own truths are read back; whatever else a record holds there is none, and breaks nothing."""

import pytest

from seedream_core.data.captioning.captioners import Captioner
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.pairs import Pairs
from seedream_core.randomness import Rng
from seedream_core.records import Sample
from seedream_core.synthetic.scenes.truth import scene_of
from seedream_core.synthetic.scenes.world import World
from seedream_core.workflow.host import Host

ONE = {"color": "red", "shape": "star", "x": 0.5, "y": 0.5, "size": 0.3}


def scene_truth(objects=(ONE,), kind="one", background="white", relation=None) -> dict:
    return {
        "kind": kind,
        "background": background,
        "objects": objects if isinstance(objects, (int, str)) else list(objects),
        "relation": relation,
    }


def test_the_worlds_own():
    for index in range(200):
        scene = World(width=96).sample(8, index)
        assert scene_of(scene.to_json() | {"damage": None, "strings": []}) == scene


@pytest.mark.parametrize(
    "truth",
    [
        None,
        [],
        "one",
        {},
        {"before": scene_truth(), "after": scene_truth()},
        scene_truth(()),
        scene_truth(5),
        scene_truth("abcdef"),
        scene_truth([5]),
        scene_truth([ONE | {"x": "left"}]),
        scene_truth([ONE | {"size": 1e300}]),
        scene_truth([ONE | {"size": 0}]),
        scene_truth([ONE | {"size": float("nan")}]),
        scene_truth([ONE | {"color": "mauve"}]),
        scene_truth([ONE | {"color": ["red"]}]),
        scene_truth([ONE | {"weight": 1}]),
        scene_truth([{"color": "red"}]),
        scene_truth([ONE, ONE]),
        scene_truth(kind="many"),
        scene_truth(kind=["one"]),
        scene_truth(background="night"),
        scene_truth([ONE, ONE | {"color": "blue"}], "pair"),
        scene_truth([ONE, ONE], "pair", relation="inside"),
        scene_truth([ONE, ONE | {"color": "blue"}], "several"),
        scene_truth([ONE] * 9, "several"),
    ],
)
def test_what_is_none(truth):
    assert scene_of(truth) is None
    view = LazySample(Sample(key="a", width=64, height=64, captions={}, truth=truth))
    assert Captioner.find("truth")().start(Host())([view]) == [{}]
    for name in ("edits", "compose", "story", "segmentation", "identity"):
        assert Pairs.find(name)().start()(view, Rng("a")) == []
