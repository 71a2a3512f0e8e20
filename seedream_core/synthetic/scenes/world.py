"""The world of synthetic scenes: flat shapes on plain backgrounds, drawn from (seed, index), with their truth.

Lengths are fractions of the picture's shorter side, so that a scene can be drawn at any resolution of its aspect
ratio.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache

from seedream_core.randomness import Rng
from seedream_core.synthetic.scenes import places

BACKGROUNDS = {"white": (250, 250, 250), "gray": (150, 150, 150), "pink": (250, 190, 205), "beige": (240, 225, 190)}
COLORS = {
    "red": (220, 40, 40),
    "green": (40, 170, 60),
    "blue": (50, 80, 220),
    "yellow": (240, 210, 40),
    "purple": (140, 50, 180),
    "orange": (245, 140, 30),
    "black": (20, 20, 20),
    "cyan": (40, 200, 210),
}
# Width and height of each shape's box at size 1: chosen for areas between 0.72 and 0.81 (the circle has 0.79).
EXTENTS = {
    "circle": (1.0, 1.0),
    "square": (0.9, 0.9),
    "triangle": (1.3, 1.126),
    "star": (1.407, 1.339),
    "heart": (1.05, 1.027),
    "cross": (1.2, 1.2),
}
KINDS = ("one", "several", "pair")
RELATIONS = ("left", "right", "above", "below")
OPPOSITE = {"left": "right", "right": "left", "above": "below", "below": "above"}
HELD_OUT = ("yellow heart", "cyan cross", "purple triangle", "green star")

SMALLEST = 0.24  # 15 pixels at 64: a 16x autoencoder of 28 dB turned stars of 13 pixels into circles
LARGEST_BOX = {1: 0.6, 2: 0.4, 3: 0.38, 4: 0.36}  # by count: two fit the shorter side with gap and margins
MARGIN = 2.5 / 64  # free margin along the picture's edge
GAP = 6 / 64  # between boxes: closer objects merge in a 16x autoencoder
SLANT = 0.45  # a pair's offset across its relation is at most this share of the offset along it


@dataclass(frozen=True)
class Thing:
    """The caption's view of an object: "a red star"."""

    color: str
    shape: str

    def __str__(self) -> str:
        return f"{self.color} {self.shape}"


@dataclass(frozen=True)
class SceneRequest:
    """The content of a canonical caption, with which the reader's result is compared."""

    kind: str
    background: str
    things: tuple[Thing, ...]
    """One thing, or two of which the first is in `relation` to the second."""
    count: int
    relation: str | None = None

    def to_json(self) -> dict:
        return asdict(self)

    @classmethod
    def from_json(cls, truth: Mapping) -> "SceneRequest":
        things = tuple(Thing(thing["color"], thing["shape"]) for thing in truth["things"])
        return cls(truth["kind"], truth["background"], things, truth["count"], truth["relation"])


@dataclass(frozen=True)
class Object:
    color: str
    shape: str
    x: float
    y: float
    """Centre of the box."""
    size: float

    @property
    def thing(self) -> Thing:
        return Thing(self.color, self.shape)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        width, height = _box(self.shape, self.size)
        return self.x - width / 2, self.y - height / 2, self.x + width / 2, self.y + height / 2


@dataclass(frozen=True)
class Scene:
    kind: str
    background: str
    objects: tuple[Object, ...]
    relation: str | None = None
    """Relation of the first object to the second."""

    @cached_property
    def asked(self) -> SceneRequest:
        things = tuple(o.thing for o in self.objects) if self.kind == "pair" else (self.objects[0].thing,)
        return SceneRequest(self.kind, self.background, things, len(self.objects), self.relation)

    @property
    def gap(self) -> float | None:
        """Gap between the two closest boxes."""
        pairs = [(a, b) for i, a in enumerate(self.objects) for b in self.objects[:i]]
        return min((gap(a, b) for a, b in pairs), default=None)

    def to_json(self) -> dict:
        objects = [dict(vars(one)) for one in self.objects]
        return {"kind": self.kind, "background": self.background, "objects": objects, "relation": self.relation}

    @classmethod
    def from_json(cls, truth: Mapping) -> "Scene":
        objects = tuple(Object(**o) for o in truth["objects"])
        return cls(truth["kind"], truth["background"], objects, truth["relation"])


def gap(a: Object, b: Object) -> float:
    """Gap between two boxes along the axis that separates them; negative where they overlap."""
    (al, at, ar, ab), (bl, bt, br, bb) = a.box, b.box
    return max(bl - ar, al - br, bt - ab, at - bb)


@dataclass(frozen=True, kw_only=True)
class World:
    width: int = 64
    height: int = 64
    held_out: tuple[str, ...] = HELD_OUT
    """Colour-shape pairs that occur in no scene."""
    kinds: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(KINDS, 1.0))
    """How often each kind of scene is drawn, by weight."""
    relations: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(RELATIONS, 1.0))
    """How often each relation of a pair is drawn, by weight; prompts ask for all equally often."""
    zipf: float = 0.0
    """The colour-shape pair of rank r occurs in proportion to r**-zipf; the seed decides the ranks."""

    def __post_init__(self):
        for side in ("width", "height"):
            pixels = getattr(self, side)
            if pixels < 16 or pixels % 16:
                near = max(16, pixels - pixels % 16)
                raise ValueError(f"{side}: {pixels} is not a multiple of 16; try {near} or {near + 16}")
        known = {f"{color} {shape}" for color in COLORS for shape in EXTENTS}
        for pair in self.held_out:
            if pair not in known:
                raise ValueError(f"held_out: '{pair}' is no colour and shape of this world, such as 'yellow heart'")
        if len(set(self.held_out)) > len(known) - 2:
            raise ValueError("held_out: at least two colour-shape pairs must remain")
        _check_weights("kind", self.kinds, KINDS)
        _check_weights("relation", self.relations, RELATIONS)
        if not 0 <= self.zipf <= 10:
            raise ValueError(f"zipf: an exponent from 0 (all pairs equally often) to 10 is needed, not {self.zipf}")

    @cached_property
    def seen(self) -> tuple[Thing, ...]:
        things = (Thing(color, shape) for color in COLORS for shape in EXTENTS)
        return tuple(thing for thing in things if str(thing) not in self.held_out)

    @cached_property
    def unseen(self) -> tuple[Thing, ...]:
        return tuple(Thing(*pair.split()) for pair in self.held_out)

    @cached_property
    def bounds(self) -> tuple[float, float]:
        """Width and height of the picture in scene units."""
        shorter = min(self.width, self.height)
        return self.width / shorter, self.height / shorter

    def sample(self, seed: int, index: int) -> Scene:
        """The scene number `index` of the data drawn from `seed`."""
        draw = Rng("scene", seed, index)
        kind = draw.weighted(self.kinds)
        shares = _zipf(self.seen, seed, self.zipf) if self.zipf else None
        return self.arrange(draw_request(draw, kind, self.seen, self.seen, self.relations, shares), draw)

    def arrange(self, asked: SceneRequest, draw: Rng) -> Scene:
        """A scene that shows the request, with random sizes and places."""
        things, uniform = asked.things * (asked.count // len(asked.things)), draw.uniform
        largest = [LARGEST_BOX[asked.count] / max(EXTENTS[thing.shape]) for thing in asked.things]
        sizes = [uniform(SMALLEST, size) for size in largest] * (asked.count // len(asked.things))
        boxes = [_box(thing.shape, size) for thing, size in zip(things, sizes, strict=True)]
        across, down = self.bounds
        area = (MARGIN, MARGIN, across - MARGIN, down - MARGIN)
        if asked.kind == "pair":
            axis, turned = divmod(RELATIONS.index(asked.relation), 2)
            order = boxes[::-1] if turned else boxes
            spots = places.in_line(*order, axis, area, GAP, SLANT, uniform)[:: -1 if turned else 1]
        else:
            spots = places.apart(asked.count, boxes[0], area, GAP, uniform)
        objects = (
            Object(thing.color, thing.shape, round(x, 5), round(y, 5), round(size, 5))  # short in JSON
            for thing, size, (x, y) in zip(things, sizes, spots, strict=True)
        )
        return Scene(asked.kind, asked.background, tuple(objects), asked.relation)


@lru_cache(maxsize=16)
def _zipf(things: tuple[Thing, ...], seed: int, exponent: float) -> Mapping[Thing, float]:
    """The weight of each thing, the most frequent first."""
    ranked = sorted(things, key=lambda thing: Rng("rank", seed, thing).uniform(0, 1))
    return {thing: rank**-exponent for rank, thing in enumerate(ranked, 1)}


def _check_weights(what: str, weights: Mapping[str, float], known: tuple[str, ...]) -> None:
    for name, weight in weights.items():
        if name not in known:
            raise ValueError(f"{what}s: '{name}' is none of {', '.join(known)}")
        if not 0 <= weight < float("inf"):
            raise ValueError(f"{what}s: the weight of '{name}' must be zero or more, not {weight}")
    if not sum(weights.values()):
        raise ValueError(f"{what}s: at least one {what} needs a weight above zero")


def _box(shape: str, size: float) -> tuple[float, float]:
    width, height = EXTENTS[shape]
    return width * size, height * size


def relation(first: Object, second: Object, apart: float, slant: float) -> str | None:
    """The relation of the first object to the second; None where their boxes are nearer than `apart` or the line
    between them is oblique.
    """
    across, down = first.x - second.x, first.y - second.y
    extent = 1 if abs(down) > abs(across) else 0
    along, aside = (down, across) if extent else (across, down)
    reach = (first.size * EXTENTS[first.shape][extent] + second.size * EXTENTS[second.shape][extent]) / 2
    if abs(along) - reach < apart or abs(aside) > slant * abs(along):
        return None
    return RELATIONS[2 * extent + (along > 0)]


def draw_request(
    rng: Rng,
    kind: str,
    first: tuple[Thing, ...],
    others: tuple[Thing, ...],
    relations: Mapping[str, float] | None = None,
    shares: Mapping[Thing, float] | None = None,
) -> SceneRequest:
    """A random request; a pair takes one thing of `first` and one of `others`, in either order.

    `relations` and `shares` are weights of the draws; None draws all with equal weight.
    """

    def pick(things: list[Thing] | tuple[Thing, ...]) -> Thing:
        return rng.choice(things) if shares is None else rng.weighted({thing: shares[thing] for thing in things})

    background, thing = rng.choice(tuple(BACKGROUNDS)), pick(first)
    if kind == "one":
        return SceneRequest(kind, background, (thing,), 1)
    if kind == "several":
        return SceneRequest(kind, background, (thing,), 2 + int(rng.uniform(0, 1) * 3))
    other = pick([o for o in others if o != thing])
    things = (thing, other) if rng.uniform(0, 1) < 0.5 else (other, thing)
    return SceneRequest(kind, background, things, 2, rng.weighted(relations or dict.fromkeys(RELATIONS, 1.0)))
