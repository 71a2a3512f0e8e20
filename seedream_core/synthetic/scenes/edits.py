"""Edits of a scene with instructions in both directions: recolour, replace, move, add, remove, change the background
(the kinds of SeedEdit).

Everything that an edit does not name stays the same, to the pixel.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from seedream_core.randomness import Rng
from seedream_core.synthetic.scenes.captions import CHINESE, CHINESE_PLACES, ENGLISH_PLACES, NUMBERS, PLURALS, RELATIONS
from seedream_core.synthetic.scenes.world import (
    BACKGROUNDS,
    COLORS,
    GAP,
    MARGIN,
    SMALLEST,
    Object,
    Scene,
    Thing,
    World,
    relation,
)

TRIES = 60
LEAST_APART, MOST_SLANT = 0.02, 0.5
"""Limits for naming the relation of two objects in an instruction; stricter than those of the reader."""
Instruction = dict[str, str]


@dataclass(frozen=True)
class Edit:
    task: str
    before: Scene
    after: Scene
    instruction: Instruction
    """Language -> the instruction that turns `before` into `after`."""


def recolour(scene: Scene, world: World, draw: Rng) -> Edit | None:
    thing = draw.choice(_things(scene))
    taken = {one.color for one in scene.objects if one.shape == thing.shape}
    known = {str(seen) for seen in world.seen}
    colours = [color for color in COLORS if color not in taken and f"{color} {thing.shape}" in known]
    if not colours:
        return None
    color = draw.choice(colours)
    after = replace(
        scene, objects=tuple(replace(one, color=color) if one.thing == thing else one for one in scene.objects)
    )
    return Edit(
        "recolour",
        scene,
        after,
        {"en": f"make {_the(scene, thing)} {color}", "zh": f"把{_zh(scene, thing)}变成{CHINESE[color]}"},
    )


def change(scene: Scene, world: World, draw: Rng) -> Edit | None:
    """Replace an object by another one in the same place."""
    thing = draw.choice(_things(scene))
    other = draw.choice([seen for seen in world.seen if seen.shape != thing.shape and seen not in _things(scene)])
    swapped = tuple(
        replace(one, color=other.color, shape=other.shape) if one.thing == thing else one for one in scene.objects
    )
    after = replace(scene, objects=swapped)
    many = sum(one.thing == thing for one in scene.objects) > 1
    if not fits(after, world):
        return None
    return Edit(
        "replace",
        scene,
        after,
        {
            "en": f"replace {_the(scene, thing)} with {_plural(other) if many else _a(other)}",
            "zh": f"把{_zh(scene, thing)}换成{'' if many else '一个'}{_name(other)}",
        },
    )


def background(scene: Scene, world: World, draw: Rng) -> Edit | None:
    ground = draw.choice([name for name in BACKGROUNDS if name != scene.background])
    return Edit(
        "background",
        scene,
        replace(scene, background=ground),
        {"en": f"change the background to {ground}", "zh": f"把背景换成{CHINESE[ground]}"},
    )


def move(scene: Scene, world: World, draw: Rng) -> Edit | None:
    if scene.kind != "one":
        return None
    (one,), (across, down) = scene.objects, world.bounds
    cell = _cell(one, world)
    for _ in range(TRIES):
        row, column = draw.choice([(row, column) for row in range(3) for column in range(3) if (row, column) != cell])
        moved = replace(
            one,
            x=round(draw.uniform(column / 3 * across, (column + 1) / 3 * across), 5),
            y=round(draw.uniform(row / 3 * down, (row + 1) / 3 * down), 5),
        )
        after = replace(scene, objects=(moved,))
        if fits(after, world) and _cell(moved, world) == (row, column):
            where, where_zh = ENGLISH_PLACES[row][column], CHINESE_PLACES[row][column]
            return Edit(
                "move",
                scene,
                after,
                {
                    "en": f"move {_the(scene, one.thing)} so that it stands {where}",
                    "zh": f"把{_zh(scene, one.thing)}移到{where_zh}",
                },
            )
    return None


def add(scene: Scene, world: World, draw: Rng) -> Edit | None:
    """Add a second object beside one, or one more of several equal ones."""
    if scene.kind == "pair" or len(scene.objects) > 3:
        return None
    first = scene.objects[0]
    alike = scene.kind == "several" or draw.uniform(0, 1) < 0.3
    across, down = world.bounds
    for _ in range(TRIES):
        thing = first.thing if alike else draw.choice([seen for seen in world.seen if seen != first.thing])
        size = first.size if alike else draw.uniform(SMALLEST, first.size)
        new = Object(
            thing.color, thing.shape, round(draw.uniform(0, across), 5), round(draw.uniform(0, down), 5), round(size, 5)
        )
        if alike:
            after = Scene("several", scene.background, (*scene.objects, new))
            instruction = {"en": f"add one more {thing}", "zh": f"再加一个{_name(thing)}"}
        else:
            where = relation(new, first, LEAST_APART, MOST_SLANT)
            if where is None:
                continue
            after = Scene("pair", scene.background, (new, first), where)
            instruction = {
                "en": f"add {_a(thing)} {RELATIONS['en'][where]} the {first.thing}",
                "zh": f"在{_name(first.thing)}的{RELATIONS['zh'][where]}加一个{_name(thing)}",
            }
        if fits(after, world):
            return Edit("add", scene, after, instruction)
    return None


def remove(scene: Scene, world: World, draw: Rng) -> Edit | None:
    if scene.kind == "one":
        return None
    if scene.kind == "pair":
        gone = draw.choice(scene.objects)
        rest = tuple(one for one in scene.objects if one != gone)
        return Edit(
            "remove",
            scene,
            Scene("one", scene.background, rest),
            {"en": f"remove the {gone.thing}", "zh": f"去掉{_name(gone.thing)}"},
        )
    gone = int(draw.uniform(0, len(scene.objects)))
    rest = tuple(one for place, one in enumerate(scene.objects) if place != gone)
    thing = scene.objects[0].thing
    where, where_zh = (
        names[row][column]
        for names in (ENGLISH_PLACES, CHINESE_PLACES)
        for row, column in [_cell(scene.objects[gone], world)]
    )
    if sum(_cell(one, world) == _cell(scene.objects[gone], world) for one in scene.objects) > 1:
        return None  # the instruction would be ambiguous
    return Edit(
        "remove",
        scene,
        Scene("one" if len(rest) == 1 else "several", scene.background, rest),
        {"en": f"remove the {thing} {where}", "zh": f"去掉{where_zh}的{_name(thing)}"},
    )


KINDS: dict[str, Callable[[Scene, World, Rng], Edit | None]] = {
    "recolour": recolour,
    "replace": change,
    "background": background,
    "move": move,
    "add": add,
    "remove": remove,
}


def back(edit: Edit, world: World) -> Edit | None:
    """The reverse edit with its instruction; None where the instruction would be ambiguous."""
    here, there = edit.after, edit.before
    instruction: Instruction | None = None
    if edit.task == "background":
        instruction = {
            "en": f"change the background to {there.background}",
            "zh": f"把背景换成{CHINESE[there.background]}",
        }
    elif edit.task in ("recolour", "replace"):
        ((old, new),) = {
            (b.thing, a.thing) for b, a in zip(there.objects, here.objects, strict=True) if b.thing != a.thing
        }
        many = sum(one.thing == new for one in here.objects) > 1
        instruction = (
            {"en": f"make {_the(here, new)} {old.color}", "zh": f"把{_zh(here, new)}变成{CHINESE[old.color]}"}
            if edit.task == "recolour"
            else {
                "en": f"replace {_the(here, new)} with {_plural(old) if many else _a(old)}",
                "zh": f"把{_zh(here, new)}换成{'' if many else '一个'}{_name(old)}",
            }
        )
    elif edit.task == "move":
        row, column = _cell(there.objects[0], world)
        instruction = {
            "en": f"move {_the(here, here.objects[0].thing)} so that it stands {ENGLISH_PLACES[row][column]}",
            "zh": f"把{_zh(here, here.objects[0].thing)}移到{CHINESE_PLACES[row][column]}",
        }
    elif edit.task == "add":
        (new,) = [one for one in here.objects if one not in there.objects]
        row, column = _cell(new, world)
        alone = here.kind == "pair" or sum(_cell(one, world) == (row, column) for one in here.objects) == 1
        where, where_zh = (
            ("", "") if here.kind == "pair" else (f" {ENGLISH_PLACES[row][column]}", f"{CHINESE_PLACES[row][column]}的")
        )
        instruction = (
            {"en": f"remove the {new.thing}{where}", "zh": f"去掉{where_zh}{_name(new.thing)}"} if alone else None
        )
    else:
        (gone,) = [one for one in there.objects if one not in here.objects]
        row, column = _cell(gone, world)
        instruction = {
            "en": f"add {_a(gone.thing)} {ENGLISH_PLACES[row][column]}",
            "zh": f"在{CHINESE_PLACES[row][column]}加一个{_name(gone.thing)}",
        }
    task = {"add": "remove", "remove": "add"}.get(edit.task, edit.task)
    return Edit(task, here, there, instruction) if instruction else None


def fits(scene: Scene, world: World) -> bool:
    """Whether every object is inside the margins and apart from all others."""
    across, down = world.bounds
    inside = all(
        left >= MARGIN and top >= MARGIN and right <= across - MARGIN and bottom <= down - MARGIN
        for left, top, right, bottom in (one.box for one in scene.objects)
    )
    return inside and (scene.gap is None or scene.gap >= GAP)


def _things(scene: Scene) -> list[Thing]:
    return list(dict.fromkeys(one.thing for one in scene.objects))


def _cell(one: Object, world: World) -> tuple[int, int]:
    across, down = world.bounds
    return min(2, int(3 * one.y / down)), min(2, int(3 * one.x / across))


def _the(scene: Scene, thing: Thing) -> str:
    count = sum(one.thing == thing for one in scene.objects)
    return f"the {NUMBERS['en'][count]} {_plural(thing)}" if count > 1 else f"the {thing}"


def _zh(scene: Scene, thing: Thing) -> str:
    count = sum(one.thing == thing for one in scene.objects)
    return f"{NUMBERS['zh'][count]}个{_name(thing)}" if count > 1 else _name(thing)


def _name(thing: Thing) -> str:
    return f"{CHINESE[thing.color]}{CHINESE[thing.shape]}"


def _plural(thing: Thing) -> str:
    return f"{thing.color} {PLURALS.get(thing.shape, thing.shape + 's')}"


def _a(thing: Thing) -> str:
    return f"{'an' if thing.color[0] in 'aeiou' else 'a'} {thing}"
