"""Every captioner that needs no model: it says the same at any chunking, writes only what it knows, survives YAML."""

import pytest

from seedream_core.data.captioning.captioners import FIELDS, Captioner
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.records import Sample
from seedream_core.synthetic.scenes.captions import STYLES
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import World
from seedream_core.workflow.config import dump, parse
from seedream_core.workflow.host import Host

MODELS = {"vlm": {"path": "nowhere"}}


@pytest.mark.parametrize("name", Captioner.names())
def test_contract(name):
    made = Captioner.find(name)(**MODELS.get(name, {}))
    assert parse(type(made), {k: v for k, v in dump(made).items() if k != "name"}) == made
    assert set(made.known()) <= {*FIELDS, *STYLES} and set(made.wanted()) <= set(made.known())
    with pytest.raises(ValueError, match="fields: nothing"):
        Captioner.find(name)(**MODELS.get(name, {}), fields=("nothing",))
    if name in MODELS:
        return
    scenes = [World().sample(2, index) for index in range(4)]
    views = [
        LazySample.of(
            Sample(
                key=f"k{index}",
                width=64,
                height=64,
                captions={},
                truth=scene.to_json() | {"texts": [["开", [3, 3, 20, 20]]]},
            ),
            render(scene, 64, 64),
        )
        for index, scene in enumerate(scenes)
    ]
    caption = made.start(Host())
    assert caption(views) == [one for view in views for one in caption([view])] and caption([]) == []
    for captions in caption(views):
        assert captions and all(set(texts) == set(made.wanted()) and all(texts.values()) for texts in captions.values())
    assert caption([LazySample(Sample(key="a", width=64, height=64, captions={}))]) == [{}]
