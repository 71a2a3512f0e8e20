"""Every way to make tuples that needs no model: of one size, captioned in both languages, the same from the same draw,
true outside the mask.
"""

import numpy as np
import pytest

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.pairs import Pairs
from seedream_core.errors import UserError
from seedream_core.randomness import Rng
from seedream_core.records import Sample
from seedream_core.synthetic.scenes.captions import captions
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import World
from seedream_core.workflow.config import dump, parse

SIZES = ((64, 64), (96, 64))


def views(size) -> list[LazySample]:
    world = World(width=size[0], height=size[1])
    scenes = [world.sample(12, index) for index in range(12)]
    return [
        LazySample.of(
            Sample(
                key=f"k{index}",
                width=size[0],
                height=size[1],
                captions=captions(scene, index, world),
                truth=scene.to_json(),
            ),
            render(scene, *size),
        )
        for index, scene in enumerate(scenes)
    ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", Pairs.names())
def test_contract(name, size):
    made = Pairs.find(name)()
    assert parse(type(made), {k: v for k, v in dump(made).items() if k != "name"}) == made and hash(made)
    try:
        make = made.start()
    except UserError as error:
        assert name in str(error) and "path" in str(error)
        return
    pairs = [(view, pair) for view in views(size) for pair in make(view, Rng(view.sample.key))]
    assert len(pairs) >= 2
    again = [pair for view in views(size) for pair in make(view, Rng(view.sample.key))]
    for (_view, pair), other in zip(pairs, again, strict=True):
        pictures = (*pair.references, *pair.targets)
        assert all(one.dtype == np.uint8 and one.shape == (size[1], size[0], 3) for one in pictures)
        assert set(pair.instruction) == {"en", "zh"} and all(pair.instruction.values()) and pair.captions
        assert (
            all((one == two).all() for one, two in zip(pictures, (*other.references, *other.targets)))
            and pair.instruction == other.instruction
        )
        if pair.mask is not None:
            assert pair.mask.dtype == bool and pair.mask.any() and not pair.mask.all()
            assert (pair.references[0][~pair.mask] == pair.targets[0][~pair.mask]).all()
