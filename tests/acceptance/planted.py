"""Corpora with planted near duplicates, whose truth is what was planted: the embedded world, and photographs of
packages.

A copy is one change of one original: re-encoded (JPEG or WebP, quality 50 to 95), resized (half to double), cropped (3%
of each side, or 3% in sum; in the middle or not), brightness up or down by as much as 10% (times, or plus 10% of the
range). `all` makes all four changes at once: more than the bars ask, and reported beside them.
"""

import importlib
import io
import math
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Set
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers.signature import SignatureScorer
from seedream_core.randomness import Rng
from seedream_core.records import Sample
from seedream_core.synthetic.scenes.render import png, render
from seedream_core.synthetic.scenes.world import COLORS, EXTENTS, Scene, World

CHANGES = ("jpeg", "webp", "resized", "cropped", "gain", "offset")
FILTERS = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
CROPPED = 0.03
PLACE, SIZE = 0.03, 0.06
"""Twins: scenes whose objects all lie this near, in shares of the shorter side, and differ this little in size."""


@dataclass(frozen=True, eq=False)
class Planted:
    """One picture of a corpus: an original, or a copy of one."""

    view: LazySample
    original: int
    """The number of the original that it shows."""
    change: str = ""


def view(key: str, members: dict[str, bytes]) -> LazySample:
    """As the funnel makes it: only the file's bytes and its record."""
    (data,) = members.values()
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
    return LazySample(Sample(key=key, width=width, height=height, captions={}), members)


def encode(pixels: np.ndarray, kind: str = "png", quality: int = 90) -> dict[str, bytes]:
    if kind == "png":
        return {"png": png(pixels)}
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, {"jpg": "JPEG", "webp": "WEBP"}[kind], quality=quality)
    return {kind: written.getvalue()}


def change(pixels: np.ndarray, how: str, draw: Rng) -> dict[str, bytes]:
    """The members of a copy."""
    if how in ("jpeg", "webp"):
        return encode(pixels, {"jpeg": "jpg"}.get(how, how), quality(draw))
    if how == "all":
        changed = shade(resize(crop(pixels, draw), draw), draw.choice(("gain", "offset")), draw)
        return encode(changed, draw.choice(("jpg", "webp")), quality(draw))
    return encode(
        {"resized": resize, "cropped": crop}[how](pixels, draw)
        if how in ("resized", "cropped")
        else shade(pixels, how, draw)
    )


def quality(draw: Rng) -> int:
    return int(draw.uniform(50, 96))


def resize(pixels: np.ndarray, draw: Rng) -> np.ndarray:
    factor = math.exp(draw.uniform(math.log(0.5), math.log(2)))
    height, width = (max(1, round(side * factor)) for side in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).resize((width, height), draw.choice(FILTERS)))


def crop(pixels: np.ndarray, draw: Rng) -> np.ndarray:
    """3% off each of the four sides; or 3% of each length in sum, in the middle or anywhere."""
    height, width = pixels.shape[:2]
    cut, across, down = draw.choice(((2, 0.5, 0.5), (1, 0.5, 0.5), (1, draw.uniform(0, 1), draw.uniform(0, 1))))
    left, top = round(width * CROPPED * cut * across), round(height * CROPPED * cut * down)
    right, bottom = left + width - round(width * CROPPED * cut), top + height - round(height * CROPPED * cut)
    return np.ascontiguousarray(pixels[top:bottom, left:right])


def shade(pixels: np.ndarray, how: str, draw: Rng) -> np.ndarray:
    """Half of them at the very ends of ±10%."""
    amount = draw.choice((-1, 1)) * (0.1 if draw.choice((True, False)) else draw.uniform(0.03, 0.1))
    shaded = pixels * (1 + amount) if how == "gain" else pixels + 255 * amount
    return np.clip(np.rint(shaded), 0, 255).astype(np.uint8)


def plant(
    originals: list[np.ndarray], name: str, changes: tuple[str, ...] = CHANGES, every: int = 2
) -> Iterator[Planted]:
    """The originals, then a copy of each `every`-th, the changes in turn."""
    for index, pixels in enumerate(originals):
        yield Planted(view(f"o{index}", encode(pixels)), index)
    for count, index in enumerate(range(0, len(originals), every)):
        how = changes[count % len(changes)]
        yield Planted(view(f"c{index}-{how}", change(originals[index], how, Rng(name, how, index))), index, how)


def scenes(seed: int, count: int, side: int) -> tuple[list[Scene], list[np.ndarray]]:
    world = World()
    drawn = [world.sample(seed, index) for index in range(count)]
    return drawn, [render(scene, side, side) for scene in drawn]


def twins(a: Scene, b: Scene) -> bool:
    """Scenes that are drawn with nearly the same parameters by accident, their objects in any order."""
    if (a.background, len(a.objects)) != (b.background, len(b.objects)):
        return False
    left = list(b.objects)
    for one in a.objects:
        match = next(
            (
                other
                for other in left
                if one.thing == other.thing
                and abs(one.x - other.x) <= PLACE
                and abs(one.y - other.y) <= PLACE
                and abs(one.size / other.size - 1) <= SIZE
            ),
            None,
        )
        if match is None:
            return False
        left.remove(match)
    return True


def every_twin(drawn: list[Scene]) -> set[tuple[int, int]]:
    return {(one, other) for other in range(len(drawn)) for one in range(other) if twins(drawn[one], drawn[other])}


def altered(scene: Scene, how: str, draw: Rng) -> Scene:
    """Another scene, though a near one: one object of another colour or shape, or 6 to 12% of the side from its
    place.
    """
    place = int(draw.uniform(0, len(scene.objects)))
    one = scene.objects[place]
    if how == "moved":
        angle, far = draw.uniform(0, 2 * math.pi), draw.uniform(0.06, 0.12)
        other = replace(one, x=one.x + far * math.cos(angle), y=one.y + far * math.sin(angle))
    else:
        known = {"color": COLORS, "shape": EXTENTS}[how]
        other = replace(one, **{how: draw.choice([name for name in known if name != getattr(one, how)])})
    return replace(scene, objects=(*scene.objects[:place], other, *scene.objects[place + 1 :]))


def photographs(package: str) -> dict[str, np.ndarray]:
    """The photographs that an installed package carries, by file name; what is drawn, or below 384 pixels, is left
    out.
    """
    folder, names = {
        "sklearn": ("datasets/images", ("china.jpg", "flower.jpg")),
        "skimage": (
            "data",
            (
                "astronaut.png",
                "brick.png",
                "camera.png",
                "chelsea.png",
                "coffee.png",
                "coins.png",
                "grass.png",
                "gravel.png",
                "hubble_deep_field.jpg",
                "ihc.png",
                "moon.png",
                "motorcycle_left.png",
                "retina.jpg",
                "rocket.jpg",
                "cell.png",
            ),
        ),
        "matplotlib": ("mpl-data/sample_data", ("grace_hopper.jpg",)),
    }[package]
    root = Path(importlib.import_module(package).__file__).parent / folder
    return {name: np.asarray(Image.open(root / name).convert("RGB")) for name in names if (root / name).exists()}


def cuts(photo: np.ndarray, count: int, draw: Rng, side: int = 256, overlap: float = 0.5) -> list[np.ndarray]:
    """Distinct crops of one photograph in each of its eight orientations, up to `count` in each, `side` pixels and
    more.

    In one orientation no two share more than `overlap` of their union; every second one is sought beside the last, at
    most 10% of its side over it: the neighbours that a detector may take for one another. The smallest show 160 pixels,
    enlarged.
    """
    turned = [np.rot90(photo[:, ::step], quarter) for step in (1, -1) for quarter in range(4)]
    return [
        enlarged(one[top:bottom, left:right], side)
        for one in turned
        for left, top, right, bottom in _boxes(one.shape[1], one.shape[0], count, draw, side, overlap)
    ]


def enlarged(pixels: np.ndarray, side: int) -> np.ndarray:
    factor = max(1, side / min(pixels.shape[:2]))
    size = round(pixels.shape[1] * factor), round(pixels.shape[0] * factor)
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC) if factor > 1 else image)


def _boxes(
    width: int, height: int, count: int, draw: Rng, side: int, overlap: float
) -> list[tuple[int, int, int, int]]:
    boxes: list[tuple[int, int, int, int]] = []
    for attempt in range(50 * count):
        if len(boxes) == count:
            break
        if attempt % 2 and boxes:
            left, top, right, bottom = boxes[-1]
            across, down = draw.choice(((1, 0), (-1, 0), (0, 1), (0, -1)))
            near = draw.uniform(0.9, 1)
            across, down = round(across * near * (right - left)), round(down * near * (bottom - top))
            box = left + across, top + down, right + across, bottom + down
        else:
            w, h = (round(draw.uniform(0.625 * side, min(width, height, 2 * side))) for _ in range(2))
            left, top = round(draw.uniform(0, width - w)), round(draw.uniform(0, height - h))
            box = left, top, left + w, top + h
        inside = box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= height
        if inside and all(shared(box, other) <= overlap for other in boxes):
            boxes.append(box)
    return boxes


def shared(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> float:
    """Intersection over union."""
    across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(0, across) * max(0, down)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def features(pictures: list[Planted]) -> dict[str, np.ndarray]:
    """What near duplicates are found by, as the funnel notes it."""
    views = [picture.view for picture in pictures]
    SignatureScorer().start({})(views)
    return {name: np.stack([view.features[name] for view in views]) for name in SignatureScorer.gives}


@dataclass(frozen=True)
class Score:
    """Pairs found, held against what was planted; twins count neither way."""

    planted: int
    right: int
    wrong: int
    twins: int
    missed: Counter[str]
    """By change."""

    @property
    def recall(self) -> float:
        return self.right / self.planted

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.wrong)


def score(
    pictures: list[Planted], found: Iterable[tuple[int, int, float]], twin: Set[tuple[int, int]] = frozenset()
) -> Score:
    """Right are pairs of an original and its copy. `twin` holds pairs of originals, the earlier first."""
    pairs = [(pictures[one], pictures[other]) for one, other, _ in found]
    right = {copy for one, other in pairs if one.original == other.original for copy in (one, other) if copy.change}
    twins = sum(tuple(sorted((one.original, other.original))) in twin for one, other in pairs)
    copies = {picture for picture in pictures if picture.change}
    return Score(
        len(copies), len(right), len(pairs) - len(right) - twins, twins, Counter(copy.change for copy in copies - right)
    )


def kept(
    pictures: list[Planted], dropped: Container[int], twin: Set[tuple[int, int]] = frozenset()
) -> tuple[float, float]:
    """What comes of keeping the first: the share of planted copies that is gone, and of the originals that is lost.

    A copy is gone where one at most of it and its original is left; an original is lost where neither is, if it has no
    twin.
    """
    left: dict[int, int] = {picture.original: 0 for picture in pictures}
    for row, picture in enumerate(pictures):
        left[picture.original] += row not in dropped
    copied = [picture.original for picture in pictures if picture.change]
    alike = {number for pair in twin for number in pair}
    lost = [number for number, count in left.items() if not count and number not in alike]
    return sum(left[number] <= 1 for number in copied) / len(copied), len(lost) / len(left)
