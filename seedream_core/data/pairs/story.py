"""Story tuples: one subject over several frames, moving from one side to the other (Seedream 4.0, image sets)."""

from dataclasses import dataclass, replace
from typing import Annotated

from annotated_types import Ge, Le

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.pairs import Make, Pair, Pairs
from seedream_core.data.pairs.edits import clean, world_of
from seedream_core.randomness import Rng
from seedream_core.synthetic.scenes.captions import CHINESE, captions
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import MARGIN, Scene

WAYS = {
    ("x", 1): ("from left to right", "从左到右"),
    ("x", -1): ("from right to left", "从右到左"),
    ("y", 1): ("from top to bottom", "从上到下"),
    ("y", -1): ("from bottom to top", "从下到上"),
}
NUMBERS = {2: ("two", "两"), 3: ("three", "三"), 4: ("four", "四")}


@dataclass(frozen=True, kw_only=True)
class StoryPairs(Pairs):
    frames: Annotated[int, Ge(2), Le(4)] = 3
    """Number of pictures."""

    def start(self) -> Make:
        return self._make

    def _make(self, view: LazySample, draw: Rng) -> list[Pair]:
        scene = clean(view.sample.truth)
        if scene is None or scene.kind != "one":
            return []
        world, (one,) = world_of(view.size), scene.objects
        (axis, sign), (way, way_zh) = draw.choice(tuple(WAYS.items()))
        left, top, right, bottom = one.box
        half = (right - left) / 2 if axis == "x" else (bottom - top) / 2
        low, high = MARGIN + half, world.bounds[axis == "y"] - MARGIN - half
        steps = [low + (high - low) * place / (self.frames - 1) for place in range(self.frames)][::sign]
        frames = [Scene("one", scene.background, (replace(one, **{axis: round(at, 5)}),)) for at in steps]
        number, number_zh = NUMBERS[self.frames]
        instruction = {
            "en": f"show the {one.thing} moving {way} in {number} pictures",
            "zh": f"用{number_zh}张图表现{CHINESE[one.color]}{CHINESE[one.shape]}{way_zh}移动",
        }
        return [
            Pair(
                "story",
                (render(scene, *view.size),),
                tuple(render(frame, *view.size) for frame in frames),
                instruction,
                captions(frames[0], view.sample.key, world),
                captions(scene, view.sample.key, world),
                truth={"before": scene.to_json(), "frames": [frame.to_json() for frame in frames]},
            )
        ]
