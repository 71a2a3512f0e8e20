"""Edits come in both directions, of scenes that are whole, and the mask holds all that differs."""

import numpy as np

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.pairs.edits import EditsPairs, changed, clean, world_of
from seedream_core.randomness import Rng
from seedream_core.records import Sample
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import World

WORLD = World()


def view(index: int, **truth) -> LazySample:
    scene = WORLD.sample(6, index)
    return LazySample.of(
        Sample(key=f"k{index}", width=64, height=64, captions={}, truth=scene.to_json() | truth), render(scene, 64, 64)
    )


def test_there_and_back():
    for index in range(30):
        there, *rest = EditsPairs().start()(view(index), Rng(index))
        for back in rest:
            assert (back.references[0] == there.targets[0]).all() and (back.targets[0] == there.references[0]).all()
            assert back.truth == {"before": there.truth["after"], "after": there.truth["before"]}
        assert len(EditsPairs(both_ways=False).start()(view(index), Rng(index))) == 1
        assert (there.references[0] == view(index).pixels).all()


def test_only_whole_scenes():
    assert (
        clean(view(0, damage="blurred").sample.truth) is None and clean({"strings": []}) is None and clean(None) is None
    )
    assert EditsPairs().start()(view(0, damage="uniform"), Rng(0)) == []
    assert world_of((100, 70)).bounds == (96 / 64, 1.0)


def test_the_mask_is_what_differs_and_one_pixel_more():
    before = np.zeros((8, 8, 3), np.uint8)
    after = before.copy()
    after[3, 4] = 9
    mask = changed(before, after)
    assert mask.sum() == 9 and mask[2:5, 3:6].all()
