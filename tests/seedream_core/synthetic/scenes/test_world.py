"""Scenes keep the world's promises: apart, inside, related as said, never a held-out pair, the same for the same
key.
"""

import hashlib
import json
from collections import Counter

import pytest

from seedream_core.synthetic.scenes.prompts import evaluation_prompts
from seedream_core.synthetic.scenes.world import (
    GAP,
    HELD_OUT,
    KINDS,
    MARGIN,
    RELATIONS,
    SLANT,
    SMALLEST,
    Scene,
    World,
    gap,
    relation,
)

SIZES = [(64, 64), (128, 128), (96, 64), (64, 160)]


@pytest.mark.parametrize("size", SIZES)
def test_objects_stand_apart_and_off_the_edge(size):
    world = World(width=size[0], height=size[1])
    across, down = world.bounds
    for index in range(300):
        scene = world.sample(3, index)
        assert scene.gap is None or scene.gap >= GAP - 1e-4
        for one in scene.objects:
            left, top, right, bottom = one.box
            assert min(left, top, across - right, down - bottom) >= MARGIN - 1e-4
            assert one.size >= SMALLEST


def test_kinds_hold_what_they_say():
    world = World()
    for index in range(600):
        scene = world.sample(1, index)
        things = {o.thing for o in scene.objects}
        if scene.kind == "one":
            assert len(scene.objects) == 1 and scene.relation is None
        elif scene.kind == "several":
            assert 2 <= len(scene.objects) <= 4 and len(things) == 1 and len({o.size for o in scene.objects}) == 1
        else:
            assert len(things) == 2 and relation(*scene.objects, GAP - 1e-4, SLANT + 1e-3) == scene.relation


def test_every_kind_count_and_relation_is_drawn_evenly():
    scenes = [World().sample(0, index) for index in range(3000)]
    for facts, options in (
        ((s.kind for s in scenes), 3),
        ((len(s.objects) for s in scenes if s.kind == "several"), 3),
        ((s.relation for s in scenes if s.kind == "pair"), 4),
        ((s.background for s in scenes), 4),
        ((s.objects[0].thing for s in scenes), 44),
    ):
        counts = Counter(facts)
        assert len(counts) == options
        mean = sum(counts.values()) / options
        assert all(abs(n - mean) < 5 * mean**0.5 for n in counts.values())


def test_held_out_pairs_never_occur():
    world = World(held_out=("red circle", *HELD_OUT))
    things = {str(o.thing) for index in range(3000) for o in world.sample(0, index).objects}
    assert not things & set(world.held_out)
    assert len(things) == 43


def test_kinds_follow_their_weights():
    world = World(kinds={"one": 1, "several": 3})
    counts = Counter(world.sample(0, index).kind for index in range(2000))
    assert set(counts) == {"one", "several"} and 1400 < counts["several"] < 1600


def test_relations_follow_their_weights_and_prompts_ask_for_all_alike():
    world = World(kinds={"pair": 1}, relations={"left": 3, "above": 1})
    counts = Counter(world.sample(0, index).relation for index in range(1000))
    assert set(counts) == {"left", "above"} and 700 < counts["left"] < 800
    asked = Counter(
        prompt.asked.relation for prompt in evaluation_prompts(600, 0, world=world) if prompt.kind == "pair"
    )
    assert set(asked) == set(RELATIONS) and min(asked.values()) > 30


def test_same_key_same_scene_and_truth_survives_json():
    world = World()
    assert world.sample(5, 7) == world.sample(5, 7) != world.sample(6, 7)
    for index in range(50):
        scene = world.sample(5, index)
        assert Scene.from_json(json.loads(json.dumps(scene.to_json()))) == scene


def test_a_long_tail_follows_zipf_in_another_order_for_each_seed():
    world = World(kinds={"one": 1}, zipf=1.5)
    orders = []
    for seed in (0, 1):
        counts = Counter(str(world.sample(seed, index).objects[0].thing) for index in range(4000))
        total = sum(rank**-1.5 for rank in range(1, 45))
        for rank, (_, count) in enumerate(counts.most_common(5), 1):
            expected = 4000 * rank**-1.5 / total
            assert abs(count - expected) < 5 * expected**0.5
        orders.append([name for name, _ in counts.most_common(5)])
    assert orders[0] != orders[1]
    pairs = [World(kinds={"pair": 1}, zipf=1.5).sample(0, index) for index in range(300)]
    assert all(len({o.thing for o in scene.objects}) == 2 for scene in pairs)
    assert sum(orders[0][0] in map(str, (o.thing for o in scene.objects)) for scene in pairs) > 150


def test_without_a_tail_scenes_are_those_of_earlier_versions():
    digest = hashlib.sha256()
    for index in range(200):
        digest.update(json.dumps(World().sample(9, index).to_json(), sort_keys=True).encode())
    assert digest.hexdigest()[:16] == "fe79d6fba0c3a4eb"


def test_gap_is_along_the_separating_axis():
    scene = World(kinds={"pair": 1}).sample(0, 0)
    assert gap(*scene.objects) == pytest.approx(scene.gap)


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"width": 500}, "try 496 or 512"),
        ({"height": 0}, "multiple of 16"),
        ({"held_out": ("yellow hart",)}, "yellow hart"),
        ({"kinds": {"two": 1}}, "none of one, several, pair"),
        ({"kinds": dict.fromkeys(KINDS, 0)}, "above zero"),
        ({"kinds": {"one": float("nan")}}, "zero or more"),
        ({"relations": {"under": 1}}, "none of left, right, above, below"),
        ({"relations": {"left": 0}}, "at least one relation"),
        ({"zipf": -1.0}, "zipf: an exponent"),
    ],
)
def test_impossible_worlds_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        World(**fields)
