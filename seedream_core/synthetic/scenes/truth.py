"""Reads a scene from the `truth` field of a sample's record; returns None where that field holds something else."""

from typing import Any

from seedream_core.synthetic.scenes.world import BACKGROUNDS, COLORS, EXTENTS, KINDS, RELATIONS, Scene

FAR = 100.0
"""Largest coordinate and size in scene units."""


def scene_of(truth: Any) -> Scene | None:
    """The scene that a record's truth describes; None where it describes something else."""
    if not isinstance(truth, dict):
        return None
    try:
        scene = Scene.from_json(truth)
        numbers = [value for one in scene.objects for value in (one.x, one.y, one.size)]
        count = len(scene.objects)
        known = (
            scene.kind in KINDS
            and scene.background in BACKGROUNDS
            and all(one.color in COLORS and one.shape in EXTENTS for one in scene.objects)
            and all(abs(number) < FAR for number in numbers)
            and all(one.size > 0 for one in scene.objects)
            and {
                "one": count == 1,
                "several": 2 <= count <= 4 and len({one.thing for one in scene.objects}) == 1,
                "pair": count == 2 and scene.relation in RELATIONS,
            }[scene.kind]
        )
    except (KeyError, TypeError):
        return None
    return scene if known else None
