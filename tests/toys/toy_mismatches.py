"""Crawls of the embedded world in which some samples carry captions of another scene, with what was planted."""

import json
from dataclasses import replace
from pathlib import Path

from seedream_core.data.storage.shards import ShardWriter
from seedream_core.randomness import Rng
from seedream_core.records import Sample
from seedream_core.synthetic.scenes.captions import captions
from seedream_core.synthetic.scenes.render import png, render
from seedream_core.synthetic.scenes.world import BACKGROUNDS, COLORS, EXTENTS, RELATIONS, SceneRequest, Thing, World
from seedream_core.workflow import artifact

PLANTED = "planted.json"


def make(folder: Path, seed: int, samples: int, *, random: float = 0.0, similar: float = 0.0) -> Path:
    """A finished artifact of shards; a share of it with captions of another sample, or of a scene with one thing
    changed.
    """
    world, planted = World(), {}
    scenes = [world.sample(seed, index) for index in range(samples)]
    with ShardWriter(folder / "shards", 5000) as writer:
        for index, scene in enumerate(scenes):
            key, draw, texts = (
                f"s{seed}-{index:06d}",
                Rng("mismatch", seed, index),
                captions(scene, f"{seed}/{index}", world),
            )
            at = draw.uniform(0, 1)
            if at < random:
                other = int(draw.uniform(0, samples))
                texts = captions(scenes[other], f"{seed}/{other}", world)
                if scenes[other].asked != scene.asked:
                    planted[key] = "random"
            elif at < random + similar:
                what, asked = changed(scene.asked, draw, world)
                texts = captions(world.arrange(asked, draw), f"{seed}/{index}", world)
                planted[key] = what
            record = Sample(key=key, width=64, height=64, captions=texts, truth=scene.to_json())
            writer.add(key, {"png": png(render(scene, 64, 64)), "json": record.to_json()})
    artifact.write_atomic(folder / PLANTED, json.dumps(planted))
    artifact.finish(
        folder,
        kind="shards",
        stage="tests/mismatches",
        fingerprint="",
        inputs={},
        metrics={},
        seconds=0,
        facts={"samples": samples, "width": 64, "height": 64},
    )
    return folder


def changed(asked: SceneRequest, draw: Rng, world: World) -> tuple[str, SceneRequest]:
    """The same request but for one attribute, and which: three stars for two, left for right, or a left of b for b left
    of a.
    """
    kinds = {"background", "color", "shape"} | {"several": {"number"}, "pair": {"relation", "order"}}.get(
        asked.kind, set()
    )
    while True:
        what, place = draw.choice(sorted(kinds)), int(draw.uniform(0, len(asked.things)))
        old = asked.things[place]
        if what == "background":
            new = replace(asked, background=draw.choice(tuple(BACKGROUNDS)))
        elif what == "number":
            new = replace(asked, count=draw.choice((2, 3, 4)))
        elif what == "order":
            new = replace(asked, things=asked.things[::-1])
        elif what == "relation":
            new = replace(asked, relation=draw.choice(RELATIONS))
        else:
            thing = (
                Thing(draw.choice(tuple(COLORS)), old.shape)
                if what == "color"
                else Thing(old.color, draw.choice(tuple(EXTENTS)))
            )
            new = replace(
                asked, things=tuple(thing if number == place else one for number, one in enumerate(asked.things))
            )
        if new != asked and set(new.things) <= set(world.seen) and len(set(new.things)) == len(new.things):
            return what, new
