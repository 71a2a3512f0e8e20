"""Composition tuples: two reference pictures, and a target that shows the objects of both as the instruction says
(Seedream 4.0).
"""

from dataclasses import dataclass, replace

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.pairs import Make, Pair, Pairs
from seedream_core.data.pairs.edits import clean, world_of
from seedream_core.randomness import Rng
from seedream_core.synthetic.scenes.captions import CHINESE, RELATIONS, captions
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import BACKGROUNDS, Object, Scene, World


@dataclass(frozen=True, kw_only=True)
class ComposePairs(Pairs):
    def start(self) -> Make:
        return self._make

    def _make(self, view: LazySample, draw: Rng) -> list[Pair]:
        scene = clean(view.sample.truth)
        if scene is None or scene.kind != "pair":
            return []
        world = world_of(view.size)
        alone = [self._alone(one, world, draw) for one in scene.objects]
        first, second = (CHINESE[one.shape] for one in scene.objects)
        instruction = {
            "en": f"put the {scene.objects[0].shape} of image 1 {RELATIONS['en'][scene.relation]} the "
            f"{scene.objects[1].shape} of image 2, on {scene.background}",
            "zh": f"把图1的{first}放在图2的{second}的{RELATIONS['zh'][scene.relation]}，"
            f"背景为{CHINESE[scene.background]}",
        }
        return [
            Pair(
                "compose",
                tuple(render(one, *view.size) for one in alone),
                (render(scene, *view.size),),
                instruction,
                captions(scene, view.sample.key, world),
                captions(alone[0], view.sample.key, world),
                truth={"references": [one.to_json() for one in alone], "after": scene.to_json()},
            )
        ]

    def _alone(self, one: Object, world: World, draw: Rng) -> Scene:
        """A picture of its own for one object, in the middle of a random background."""
        across, down = world.bounds
        return Scene("one", draw.choice(tuple(BACKGROUNDS)), (replace(one, x=across / 2, y=down / 2),))
