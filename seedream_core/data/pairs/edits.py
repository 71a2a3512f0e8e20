"""Edit tuples of synthetic scenes with exact truth, in both directions (pairs as in SeedEdit)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.pairs import Make, Pair, Pairs
from seedream_core.randomness import Rng
from seedream_core.synthetic.scenes.captions import captions
from seedream_core.synthetic.scenes.edits import KINDS, Edit, back
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.truth import scene_of
from seedream_core.synthetic.scenes.world import Scene, World


@dataclass(frozen=True, kw_only=True)
class EditsPairs(Pairs):
    kinds: tuple[str, ...] = tuple(KINDS)
    """Kinds of edit; one of them is drawn for each sample."""
    both_ways: bool = True
    """Whether the reverse of each edit is also made."""

    def __post_init__(self) -> None:
        if unknown := set(self.kinds) - KINDS.keys():
            raise ValueError(f"kinds: {', '.join(sorted(unknown))}: there are {', '.join(KINDS)}")

    def start(self) -> Make:
        return self._make

    def _make(self, view: LazySample, draw: Rng) -> list[Pair]:
        scene = clean(view.sample.truth)
        if scene is None:
            return []
        world = world_of(view.size)
        # Kinds in random order: the first that is possible for this scene is used.
        order = sorted(self.kinds, key=lambda kind: draw.uniform(0, 1))
        edit = next((edit for kind in order if (edit := KINDS[kind](scene, world, draw))), None)
        undone = back(edit, world) if edit and self.both_ways else None
        return [_pair(one, view, world) for one in (edit, undone) if one]


def clean(truth: Any) -> Scene | None:
    """The scene in a record's truth; None if there is none or the picture was damaged."""
    scene = scene_of(truth)
    return None if scene is None or truth.get("damage") else scene


def world_of(size: tuple[int, int]) -> World:
    """A world with the picture's aspect ratio, and with sides that a world may have."""
    width, height = (max(16, side - side % 16) for side in size)
    return World(width=width, height=height)


def _pair(edit: Edit, view: LazySample, world: World) -> Pair:
    before, after = (render(scene, *view.size) for scene in (edit.before, edit.after))
    captions_of_scenes = [
        captions(scene, f"{view.sample.key}/{edit.task}", world) for scene in (edit.before, edit.after)
    ]
    return Pair(
        edit.task,
        (before,),
        (after,),
        edit.instruction,
        captions_of_scenes[1],
        captions_of_scenes[0],
        changed(before, after),
        {"before": edit.before.to_json(), "after": edit.after.to_json()},
    )


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Pixels that differ, and their neighbours."""
    mask = np.pad((before != after).any(-1), 1)
    near = mask[1:-1] | mask[:-2] | mask[2:]
    return near[:, 1:-1] | near[:, :-2] | near[:, 2:]
