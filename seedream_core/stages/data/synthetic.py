"""Draws scenes of coloured shapes with captions in English and Chinese and a record of their true content, as tar
shards.
"""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from seedream_core.randomness import Rng
from seedream_core.synthetic.scenes.world import GAP, HELD_OUT, MARGIN, RELATIONS, Scene, World
from seedream_core.workflow.config import dump
from seedream_core.workflow.host import Host
from seedream_core.workflow.stage import Stage

# Undecodable ones are rare: they count against the budget of damaged input that stops a run.
DAMAGES = {"duplicate": 0.32, "uniform": 0.25, "blurred": 0.25, "captionless": 0.15, "undecodable": 0.03}
PROBED = 64
BLUR = 3 / 64  # of the shorter side: shapes are gone, colours remain


@dataclass(frozen=True, kw_only=True)
class SyntheticStage(Stage):
    makes: ClassVar[str] = "shards"
    samples: Annotated[int, Ge(1)]
    "pictures to make"
    size: tuple[int, int] = (64, 64)
    "width and height in pixels, multiples of 16"
    seed: Annotated[int, Ge(0)] = 0
    "random seed; another seed gives other scenes with other keys"
    held_out: tuple[str, ...] = HELD_OUT
    "colour-shape pairs that never occur, so that a test can tell composition from memorisation"
    kinds: dict[str, float] = field(default_factory=lambda: {"one": 1.0, "several": 1.5, "pair": 1.5})
    "weights of the kinds of scene: one object, several equal objects, two objects in a relation"
    relations: dict[str, float] = field(default_factory=lambda: dict.fromkeys(RELATIONS, 1.0))
    "weights of the relations left, right, above and below: position of the first object relative to the second"
    zipf: Annotated[float, Ge(0)] = 0.0
    "colour-shape pairs occur in proportion to rank**-zipf; 0 makes all equally frequent, 1.5 gives a long tail"
    damage: Annotated[float, Ge(0), Le(1)] = 0.0
    """share of samples that are damaged as in a real crawl: duplicate, uniform, blurred, without caption, undecodable;
    a duplicate repeats the last undamaged sample, and is uniform if there is none"""
    samples_per_shard: Annotated[int, Ge(1)] = 5000
    "samples in one tar file"

    def __post_init__(self) -> None:
        self.world  # its checks are this config's

    @property
    def world(self) -> World:
        width, height = self.size
        return World(
            width=width,
            height=height,
            held_out=self.held_out,
            kinds=self.kinds,
            relations=self.relations,
            zipf=self.zipf,
        )

    def facts(self, inputs: dict) -> dict:
        return {
            "samples": self.samples,
            "width": self.size[0],
            "height": self.size[1],
            "held_out": sorted(self.held_out),
            "caption_tokens": self.caption_tokens(),
        }

    def caption_tokens(self) -> int:
        """Tokens of the longest canonical caption of a batch: a tokenizer learned here has one for each English word,
        and one ends the text.
        """
        from seedream_core.synthetic.scenes.captions import canonical

        asked = [self.world.sample(self.seed, index).asked for index in range(min(self.samples, PROBED))]
        return 1 + max(len(canonical(one, "en").split()) for one in asked)

    def expected_seconds(self, inputs: dict, host: Host) -> float:
        world, count = self.world, min(self.samples, PROBED)
        self.members(world, 0, world.sample(self.seed, 0), None, None)  # the first one imports what draws
        started = time.perf_counter()
        for index in range(count):
            self.members(world, index, world.sample(self.seed, index), None, None)
        return (time.perf_counter() - started) / count * self.samples

    def run(self, out: Path, host: Host) -> dict:
        from seedream_core.data.storage.resumable_writer import ResumableWriter
        from seedream_core.progress import track
        from seedream_core.records import Fate

        world = self.world
        with (
            ResumableWriter(out, self.samples_per_shard, json.dumps(dump(self, free=False))) as journal,
            track("synthetic", self.samples, done=journal.done) as progress,
        ):
            original = self._last_undamaged(journal.done)
            for index in range(journal.done, self.samples):
                scene, damage = world.sample(self.seed, index), self.damaged(index, original)
                journal.add(
                    Fate(key=self.key(index), source="synthetic", fate="kept", reason="", stage=self.path()),
                    self.members(world, index, scene, damage, original),
                    (scene.kind, *([damage] if damage else [])),
                )
                original = original if damage else index
                progress.advance()
        return {
            "kinds": {name: count for name, count in journal.changes.items() if name not in DAMAGES},
            "damaged": {name: count for name, count in journal.changes.items() if name in DAMAGES},
        }

    def key(self, index: int) -> str:
        return f"s{self.seed}-{index:07d}"

    def damaged(self, index: int, original: int | None) -> str | None:
        """Kind of damage of the sample, or none; `original` is the last undamaged sample before it."""
        draw = Rng("damage", self.seed, index)
        if draw.uniform(0, 1) >= self.damage:
            return None
        damage = draw.weighted(DAMAGES)
        return "uniform" if damage == "duplicate" and original is None else damage

    def _last_undamaged(self, end: int) -> int | None:
        """The last undamaged sample before `end`, which a duplicate repeats."""
        return next((index for index in reversed(range(end)) if self.damaged(index, None) is None), None)

    def members(
        self, world: World, index: int, scene: Scene, damage: str | None, original: int | None
    ) -> dict[str, bytes]:
        """The sample's files: picture and record."""
        from seedream_core.records import Sample
        from seedream_core.synthetic.scenes.captions import captions
        from seedream_core.synthetic.scenes.render import png, render

        first = index
        if damage == "duplicate":
            first = original
            scene = world.sample(self.seed, first)
        picture = render(scene, *self.size)
        if damage == "uniform":
            picture[:] = picture[0, 0]
        elif damage == "blurred":
            picture = blurred(picture)
        data = png(picture)
        across, down = world.bounds
        edges = [
            min(left, top, across - right, down - bottom) for left, top, right, bottom in (o.box for o in scene.objects)
        ]
        record = Sample(
            key=self.key(index),
            name=f"scene {index} of seed {self.seed}",
            width=self.size[0],
            height=self.size[1],
            captions={} if damage == "captionless" else captions(scene, f"{self.seed}/{first}", world),
            source="synthetic",
            tags=(scene.kind, scene.background, *sorted({str(o.thing) for o in scene.objects})),
            scores={
                "clarity": min(o.size for o in scene.objects),  # the least size, in shares of the shorter side
                "margin": round(min((scene.gap or 1) / GAP, min(edges) / MARGIN), 4),  # 1 is as tight as scenes get
            },
            truth=scene.to_json() | {"damage": damage},
        )
        return {"png": data[: len(data) // 2] if damage == "undecodable" else data, "json": record.to_json()}


def blurred(picture):
    from numpy import asarray
    from PIL import Image, ImageFilter

    radius = BLUR * min(picture.shape[:2])
    return asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius)))
