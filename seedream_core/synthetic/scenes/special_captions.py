"""Specialised captions of scenes (artistic, style, layout, aesthetic, surreal; Seedream 2.0's kinds), all of them
true.
"""

from seedream_core.synthetic.scenes.captions import CHINESE, CHINESE_PLACES, ENGLISH_PLACES, LARGE, SMALL
from seedream_core.synthetic.scenes.render import area
from seedream_core.synthetic.scenes.world import BACKGROUNDS, COLORS, Object, Scene, World

FIELDS = ("artistic", "surreal", "aesthetics", "style", "layout")
WARM, DARK = {"red", "yellow", "orange"}, {"black", "purple", "blue"}
CROWDED = 0.25
"""Share of the picture covered by objects from which a frame counts as full."""
STRONG = 110
"""Difference of luminance to the background (of 255) from which a contrast counts as strong."""


def special_caption(scene: Scene, language: str, field: str, world: World) -> str:
    """One specialised caption; `world` gives the aspect ratio for places."""
    english, chinese = {
        "artistic": _artistic,
        "surreal": _surreal,
        "aesthetics": _aesthetics,
        "style": _style,
        "layout": _layout,
    }[field](scene, world)
    return {"en": english, "zh": chinese}[language]


def _artistic(scene: Scene, world: World) -> tuple[str, str]:
    (tone, colours), (tone_zh, colours_zh) = _tone(scene)
    where, where_zh = _weight(scene, world)
    return (
        f"flat graphic art in {tone} colours, {colours} on {scene.background}; the composition weighs {where}; even "
        "light without shadows",
        f"扁平图形艺术，{tone_zh}色调，{CHINESE[scene.background]}底上的{colours_zh}；构图重心{where_zh}；光线均匀，没有阴影",
    )


def _surreal(scene: Scene, world: World) -> tuple[str, str]:
    things, things_zh = _named(scene)
    return (
        f"like a dream: {things} floating weightless in an endless {scene.background} void",
        f"如梦境一般：{things_zh}失重地悬浮在无边的{CHINESE[scene.background]}虚空中",
    )


def _aesthetics(scene: Scene, world: World) -> tuple[str, str]:
    across, down = world.bounds
    full = sum(area(one.shape) * one.size**2 for one in scene.objects) / (across * down) >= CROWDED
    strong = (
        min(abs(_luminance(COLORS[one.color]) - _luminance(BACKGROUNDS[scene.background])) for one in scene.objects)
        >= STRONG
    )
    return (
        f"clean edges, {'strong' if strong else 'soft'} contrast, {'a full frame' if full else 'much empty space'}",
        f"边缘干净，对比{'强烈' if strong else '柔和'}，{'画面饱满' if full else '大量留白'}",
    )


def _style(scene: Scene, world: World) -> tuple[str, str]:
    (tone, _), (tone_zh, _) = _tone(scene)
    return f"minimal flat vector illustration, {tone} palette", f"极简扁平矢量插画，{tone_zh}色系"


def _layout(scene: Scene, world: World) -> tuple[str, str]:
    parts = [
        (
            f"{_size(one)[0]}{one.thing} {_place(one, world, ENGLISH_PLACES)}",
            f"{_place(one, world, CHINESE_PLACES)}{_size(one)[1]}{CHINESE[one.color]}{CHINESE[one.shape]}",
        )
        for one in scene.objects
    ]
    return "; ".join(part for part, _ in parts), "；".join(part for _, part in parts)


def _tone(scene: Scene) -> tuple[tuple[str, str], tuple[str, str]]:
    colours = list(dict.fromkeys(one.color for one in scene.objects))
    warm = all(colour in WARM for colour in colours)
    dark = all(colour in DARK for colour in colours)
    tone, tone_zh = ("warm", "暖") if warm else ("deep", "深") if dark else ("mixed", "混合")
    return (tone, " and ".join(colours)), (tone_zh, "与".join(CHINESE[colour] for colour in colours))


def _named(scene: Scene) -> tuple[str, str]:
    things = list(dict.fromkeys(one.thing for one in scene.objects))
    count = len(scene.objects) if len(things) == 1 else 1
    if count > 1:
        return f"{count} {things[0]} shapes", f"{count}个{CHINESE[things[0].color]}{CHINESE[things[0].shape]}"
    return " and ".join(f"one {thing}" for thing in things), "和".join(
        f"一个{CHINESE[thing.color]}{CHINESE[thing.shape]}" for thing in things
    )


def _weight(scene: Scene, world: World) -> tuple[str, str]:
    """The place of the centre of the covered area, in words."""
    across, down = world.bounds
    masses = [one.size**2 for one in scene.objects]
    x = sum(mass * one.x for mass, one in zip(masses, scene.objects)) / sum(masses) / across
    y = sum(mass * one.y for mass, one in zip(masses, scene.objects)) / sum(masses) / down
    sides = [
        (abs(x - 0.5), ("to the left", "偏左") if x < 0.5 else ("to the right", "偏右")),
        (abs(y - 0.5), ("to the top", "偏上") if y < 0.5 else ("to the bottom", "偏下")),
    ]
    off, words = max(sides)
    return words if off > 0.1 else ("evenly on all sides", "居中")


def _size(one: Object) -> tuple[str, str]:
    return ("small ", "小的") if one.size < SMALL else ("large ", "大的") if one.size > LARGE else ("", "")


def _place(one: Object, world: World, names: tuple[tuple[str, ...], ...]) -> str:
    across, down = world.bounds
    return names[min(2, int(3 * one.y / down))][min(2, int(3 * one.x / across))]


def _luminance(colour: tuple[int, int, int]) -> float:
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
