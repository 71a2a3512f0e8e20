"""Edited scenes are sound, read back as what they are, change nothing that is not named, and can be undone."""

from collections import Counter

import numpy as np
import pytest

from seedream_core.evaluation.judges.scenes import fault
from seedream_core.randomness import Rng
from seedream_core.synthetic.scenes.edits import KINDS, back, fits
from seedream_core.synthetic.scenes.reader import read
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import World

WORLD = World()


@pytest.mark.parametrize("kind", KINDS)
def test_the_picture_shows_what_the_edit_says(kind):
    made = [edit for index in range(240) if (edit := KINDS[kind](WORLD.sample(8, index), WORLD, Rng("e", index)))]
    assert len(made) >= 40
    wrong = Counter()
    for edit in made:
        assert fits(edit.after, WORLD) and edit.task == kind and set(edit.instruction) == {"en", "zh"}
        assert {str(one.thing) for one in edit.after.objects} <= {str(thing) for thing in WORLD.seen}
        wrong[fault(read(render(edit.after, 64, 64)), edit.after.asked)] += 1
    # The reader misreads a few sound scenes too; an edit must not add to them.
    assert wrong[None] >= 0.97 * len(made), wrong


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_named_stays_to_the_pixel(kind):
    for index in range(120):
        edit = KINDS[kind](WORLD.sample(9, index), WORLD, Rng("e", index))
        if edit is None or kind == "background":
            continue
        before, after = render(edit.before, 64, 64), render(edit.after, 64, 64)
        changed = (before != after).any(-1)
        assert changed.any()
        same = [one for one in edit.before.objects if one in edit.after.objects]
        for one in same:
            left, top, right, bottom = (round(side * 64) for side in one.box)
            assert not changed[top:bottom, left:right].any()


def test_both_ways():
    tasks = Counter()
    for kind, edit_of in KINDS.items():
        for index in range(80):
            edit = edit_of(WORLD.sample(10, index), WORLD, Rng("e", index))
            undone = back(edit, WORLD) if edit else None
            if undone:
                assert (
                    undone.before == edit.after
                    and undone.after == edit.before
                    and undone.instruction["en"] != edit.instruction["en"]
                )
                tasks[kind, undone.task] += 1
    assert {("add", "remove"), ("remove", "add"), ("recolour", "recolour"), ("move", "move")} <= tasks.keys()


def test_the_same_draw_gives_the_same_edit():
    scene = WORLD.sample(3, 4)
    assert all(edit(scene, WORLD, Rng("e", 1)) == edit(scene, WORLD, Rng("e", 1)) for edit in KINDS.values())
    assert not np.array_equal(render(scene, 64, 64), render(KINDS["background"](scene, WORLD, Rng(1)).after, 64, 64))
