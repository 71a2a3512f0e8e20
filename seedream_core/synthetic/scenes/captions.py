"""Captions of a scene in English and Chinese: the canonical caption and three true variants.

A canonical caption states everything that a picture must show. `brief` leaves out the background, `long` adds size and
place, `paraphrase` states the canonical facts in other words.
"""

from seedream_core.randomness import Rng
from seedream_core.synthetic.scenes.world import OPPOSITE, Object, Scene, SceneRequest, Thing, World

LANGUAGES = ("en", "zh")
STYLES = ("short", "brief", "long", "paraphrase")
"""The caption fields of a sample; `short` is the canonical one."""

NUMBERS = {"en": {2: "two", 3: "three", 4: "four"}, "zh": {2: "两", 3: "三", 4: "四"}}
PLURALS = {"cross": "crosses"}
RELATIONS = {
    "en": {"left": "left of", "right": "right of", "above": "above", "below": "below"},
    "zh": {"left": "左边", "right": "右边", "above": "上方", "below": "下方"},
}
CHINESE = {
    "white": "白色",
    "gray": "灰色",
    "pink": "粉色",
    "beige": "米色",
    "red": "红色",
    "green": "绿色",
    "blue": "蓝色",
    "yellow": "黄色",
    "purple": "紫色",
    "orange": "橙色",
    "black": "黑色",
    "cyan": "青色",
    "circle": "圆形",
    "square": "正方形",
    "triangle": "三角形",
    "star": "五角星",
    "heart": "心形",
    "cross": "十字",
}
SMALL, LARGE = 0.3, 0.42
ENGLISH_PLACES = (
    ("in the top left", "at the top", "in the top right"),
    ("on the left", "in the middle", "on the right"),
    ("in the bottom left", "at the bottom", "in the bottom right"),
)
CHINESE_PLACES = (("左上角", "上部", "右上角"), ("左侧", "中间", "右侧"), ("左下角", "下部", "右下角"))


def caption(scene: Scene, language: str, style: str, seed: object, world: World | None = None) -> str:
    """One caption; `seed` chooses among a paraphrase's wordings, `world` gives the aspect ratio for places."""
    if style == "short":
        return canonical(scene.asked, language)
    if style == "brief":
        return {"en": _objects_en, "zh": _objects_zh}[language](scene.asked)
    if style == "long":
        return {"en": _long_en, "zh": _long_zh}[language](scene, (world or World()).bounds)
    return Rng("paraphrase", language, seed).choice(paraphrases(scene.asked, language))


def captions(scene: Scene, seed: object, world: World | None = None) -> dict[str, dict[str, str]]:
    """Captions in every language and style, in the form of a sample's record."""
    return {
        language: {style: caption(scene, language, style, seed, world) for style in STYLES} for language in LANGUAGES
    }


def canonical(asked: SceneRequest, language: str) -> str:
    """The caption that evaluation prompts use."""
    if language == "en":
        return f"{_objects_en(asked)} on {_a(asked.background)} background"
    if asked.kind == "pair":
        return f"{CHINESE[asked.background]}背景上，{_objects_zh(asked)}"
    return f"{CHINESE[asked.background]}背景上有{_objects_zh(asked)}"


def paraphrases(asked: SceneRequest, language: str) -> list[str]:
    """Other wordings of the same request."""
    turned = asked
    if asked.kind == "pair":  # "a above b" is "b below a"
        turned = SceneRequest(asked.kind, asked.background, asked.things[::-1], asked.count, OPPOSITE[asked.relation])
    if language == "en":
        objects, background = _objects_en(turned), asked.background
        return [
            f"{objects}, {background} background",
            f"{objects} against {_a(background)} backdrop",
            f"{_a(background)} picture of {objects}",
            f"on {background}, {objects}",
        ]
    objects, background = _objects_zh(turned), CHINESE[asked.background]
    return [f"{objects}，{background}背景", f"{background}的背景，{objects}", f"一张{background}底的图，{objects}"]


def _objects_en(asked: SceneRequest) -> str:
    first = asked.things[0]
    if asked.kind == "one":
        return _a(first)
    if asked.kind == "several":
        return f"{NUMBERS['en'][asked.count]} {first.color} {_plural(first.shape)}"
    return f"{_a(first)} {RELATIONS['en'][asked.relation]} {_a(asked.things[1])}"


def _objects_zh(asked: SceneRequest) -> str:
    first = _thing_zh(asked.things[0])
    if asked.kind == "one":
        return f"一个{first}"
    if asked.kind == "several":
        return f"{NUMBERS['zh'][asked.count]}个{first}"
    return f"{first}在{_thing_zh(asked.things[1])}的{RELATIONS['zh'][asked.relation]}"


def _long_en(scene: Scene, bounds: tuple[float, float]) -> str:
    asked = scene.asked
    if asked.kind == "one":
        one = scene.objects[0]
        where = _place(one, bounds, ENGLISH_PLACES)
        size = "small " if one.size < SMALL else "large " if one.size > LARGE else ""
        return f"{_a(f'{size}{one.thing}')} {where} of a plain {asked.background} background, and nothing else"
    if asked.kind == "several":
        return f"{_objects_en(asked)} of the same size on a plain {asked.background} background, and nothing else"
    first, second = (f"{o.thing} {_place(o, bounds, ENGLISH_PLACES)}" for o in scene.objects)
    return f"{_objects_en(asked)} on {_a(asked.background)} background: the {first}, the {second}"


def _long_zh(scene: Scene, bounds: tuple[float, float]) -> str:
    asked, background = scene.asked, CHINESE[scene.background]
    if asked.kind == "one":
        one = scene.objects[0]
        size = "小的" if one.size < SMALL else "大的" if one.size > LARGE else ""
        return (
            f"纯{background}背景的{_place(one, bounds, CHINESE_PLACES)}有一个{size}{_thing_zh(one.thing)}，没有别的东西"
        )
    if asked.kind == "several":
        return f"纯{background}背景上有{_objects_zh(asked)}，大小相同，没有别的东西"
    first, second = (f"{_thing_zh(o.thing)}在{_place(o, bounds, CHINESE_PLACES)}" for o in scene.objects)
    return f"{background}背景上，{_objects_zh(asked)}：{first}，{second}"


def _place(one: Object, bounds: tuple[float, float], names: tuple[tuple[str, ...], ...]) -> str:
    """The cell of a three by three grid that holds the centre."""
    across, down = bounds
    return names[min(2, int(3 * one.y / down))][min(2, int(3 * one.x / across))]


def _a(words: object) -> str:
    return f"{'an' if str(words)[0] in 'aeiou' else 'a'} {words}"


def _plural(shape: str) -> str:
    return PLURALS.get(shape, f"{shape}s")


def _thing_zh(thing: Thing) -> str:
    return f"{CHINESE[thing.color]}{CHINESE[thing.shape]}"
