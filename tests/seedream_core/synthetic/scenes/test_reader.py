"""The judge, tested both ways: it reads what was drawn, also through blur and noise, and refuses near misses."""

import io
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFilter

from seedream_core.evaluation.judges.scenes import fault
from seedream_core.randomness import Rng
from seedream_core.synthetic.scenes.reader import read
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import (
    BACKGROUNDS,
    COLORS,
    EXTENTS,
    GAP,
    MARGIN,
    OPPOSITE,
    SMALLEST,
    Object,
    Scene,
    World,
    gap,
)

WORLD = World(held_out=())  # the judge must read every pair
NEAR_MISSES = ("color", "shape", "more", "fewer", "half", "merged", "mirrored", "background")


def blurred(picture: np.ndarray, seed: int) -> np.ndarray:
    """What an autoencoder leaves, roughly: soft edges, noise and a shift of colour."""
    generator = np.random.default_rng(seed)
    soft = np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(0.8))).astype(float)
    shifted = soft + generator.normal(0, 4, soft.shape) + generator.normal(0, 4, 3)
    return np.clip(shifted, 0, 255).round().astype(np.uint8)


def bent(picture: np.ndarray, seed: int, pixels: float) -> np.ndarray:
    """Outlines as a hand draws them: a smooth random shift of `pixels` root mean square, over about six pixels."""
    generator, size = np.random.default_rng(seed), len(picture)
    shifts = generator.normal(size=(2, size, size))
    for _ in range(32):  # a binomial of deviation 4
        for axis in (1, 2):
            ends = np.pad(shifts, [(0, 0)] + [(1, 1) if axis == each else (0, 0) for each in (1, 2)], "reflect")
            shifts = (ends.take(range(size), axis) + 2 * shifts + ends.take(range(2, size + 2), axis)) / 4
    shifts *= pixels / np.sqrt((shifts**2).mean())
    spots = np.clip(np.indices((size, size)) + shifts, 0, size - 1.001)
    (top, left), (down, across) = spots.astype(int), (spots % 1)[..., None]
    rows = [picture[top + one, left] * (1 - across) + picture[top + one, left + 1] * across for one in (0, 1)]
    return (rows[0] * (1 - down) + rows[1] * down).round().astype(np.uint8)


def low_rank_patches(width: int, count: int, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and first principal components of 16×16 patches of the world."""
    patches = [
        render(WORLD.sample(100, i), width, width)
        .reshape(width // 16, 16, width // 16, 16, 3)
        .transpose(0, 2, 1, 3, 4)
        .reshape(-1, 768)
        for i in range(count)
    ]
    flat = np.concatenate(patches).astype(float)
    mean = flat.mean(0)
    return mean, np.linalg.eigh((flat - mean).T @ (flat - mean))[1][:, -rank:]


def through_patches(picture: np.ndarray, basis: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Sixteen by sixteen patches squeezed through few numbers, four overlapping grids averaged: a linear 16x codec."""
    mean, parts = basis
    size, total = len(picture), 0
    for down in (0, 8):
        for across in (0, 8):
            moved = np.pad(picture, ((down, 16 - down), (across, 16 - across), (0, 0)), "edge").astype(float)
            n = len(moved) // 16
            flat = moved.reshape(n, 16, n, 16, 3).transpose(0, 2, 1, 3, 4).reshape(-1, 768) - mean
            back = (flat @ parts @ parts.T + mean).reshape(n, n, 16, 16, 3).transpose(0, 2, 1, 3, 4)
            total = total + back.reshape(moved.shape)[down : down + size, across : across + size]
    return np.clip(total / 4, 0, 255).round().astype(np.uint8)


def wrong(scene: Scene, miss: str, draw: Rng, size: tuple[int, int] = (64, 64)) -> np.ndarray | None:
    """A picture that misses what the scene asks for in one way; None where the scene cannot be missed so."""
    objects, index = scene.objects, int(draw.uniform(0, len(scene.objects)))
    one = objects[index]

    def drawn(changed, **fields) -> np.ndarray:
        return render(replace(scene, objects=tuple(changed), **fields), *size)

    def put(new: Object | None) -> list[Object]:
        return [*objects[:index], *([new] if new else []), *objects[index + 1 :]]

    if miss == "color":
        return drawn(put(replace(one, color=draw.choice([c for c in COLORS if c != one.color]))))
    if miss == "shape":
        return drawn(put(replace(one, shape=draw.choice([s for s in EXTENTS if s != one.shape]))))
    if miss == "fewer":
        return drawn(put(None))
    if miss == "background":
        return drawn(objects, background=draw.choice([b for b in BACKGROUNDS if b != scene.background]))
    if miss == "mirrored":
        return drawn(_swapped(objects)) if scene.kind == "pair" else None
    if miss == "more":
        for _ in range(50):
            place = [draw.uniform(MARGIN + 0.17, side - MARGIN - 0.17) for side in WORLD.bounds]
            new = Object(one.color, one.shape, *place, SMALLEST)
            if all(gap(new, old) >= GAP for old in objects):
                return drawn([*objects, new])
        return None
    if miss == "half":
        picture = drawn(objects)
        left, top, right, bottom = (round(side * min(size)) for side in one.box)
        # the half of a triangle above its middle is a triangle, so the half that goes is never the lower one
        side = draw.choice(("left", "right", "top") if one.shape == "triangle" else ("left", "right", "top", "bottom"))
        rows = {"top": slice(top - 1, (top + bottom) // 2), "bottom": slice((top + bottom) // 2, bottom + 1)}
        columns = {"left": slice(left - 1, (left + right) // 2), "right": slice((left + right) // 2, right + 1)}
        picture[rows.get(side, slice(top - 1, bottom + 1)), columns.get(side, slice(left - 1, right + 1))] = (
            BACKGROUNDS[scene.background]
        )
        return picture
    if len(objects) == 1:
        beside = one.x + (0.6 if one.x < 0.5 else -0.6) * one.size
        return drawn([one, replace(one, x=beside)])
    other = objects[1 - index if len(objects) == 2 else (index + 1) % len(objects)]
    return drawn(put(replace(one, x=(one.x + 2 * other.x) / 3, y=(one.y + 2 * other.y) / 3)))


def bitten(scene: Scene, share: float, seed: int) -> np.ndarray:
    """The picture without that share of one object, cut off along a straight line."""
    draw = Rng("bite", seed)
    one, angle = draw.choice(scene.objects), draw.uniform(0, 2 * np.pi)
    ground = np.array(BACKGROUNDS[scene.background])
    alone = render(replace(scene, objects=(one,)), 64, 64).astype(int)
    rows, columns = np.indices((64, 64))
    along = columns * np.cos(angle) + rows * np.sin(angle)
    beyond = along > np.quantile(along[np.abs(alone - ground).sum(-1) > 60], 1 - share)
    picture = render(scene, 64, 64)
    picture[beyond & (alone != ground).any(-1)] = ground
    return picture


def _swapped(objects: tuple[Object, ...]) -> list[Object]:
    first, second = objects
    return [
        replace(first, color=second.color, shape=second.shape),
        replace(second, color=first.color, shape=first.shape),
    ]


def share_right(count: int, seed: int, change=lambda picture, seed: picture, size=(64, 64)) -> float:
    world = replace(WORLD, width=size[0], height=size[1])
    scenes = [world.sample(seed, index) for index in range(count)]
    faults = [fault(read(change(render(s, *size), i)), s.asked) for i, s in enumerate(scenes)]
    print(Counter(f"{f} | {s.objects[0].thing}" for f, s in zip(faults, scenes) if f).most_common(12))
    return faults.count(None) / count


def share_refused(count: int, seed: int, change=lambda picture, seed: picture) -> float:
    refused = tried = index = 0
    passed = Counter()
    while tried < count:
        scene, miss, draw = WORLD.sample(seed, index), NEAR_MISSES[index % len(NEAR_MISSES)], Rng("miss", seed, index)
        index += 1
        picture = wrong(scene, miss, draw)
        if picture is not None:
            tried += 1
            refusal = fault(read(change(picture, index)), scene.asked)
            refused += refusal is not None
            if refusal is None:
                passed[f"{miss} {scene.kind} {scene.objects[0].thing}"] += 1
    print(passed.most_common(12))
    return refused / count


PATCHES = {"none": lambda picture, seed: picture, "blurred": blurred}


@pytest.fixture(scope="module")
def codec():
    """About 29 dB, as the autoencoder's."""
    basis = low_rank_patches(64, 300, 64)
    return lambda picture, seed: through_patches(picture, basis)


def test_reads_fresh_renders():
    assert share_right(400, 1) >= 0.995


def test_reads_through_blur_noise_and_a_linear_codec(codec):
    assert share_right(200, 1, blurred) >= 0.98
    assert share_right(200, 1, codec) >= 0.98


def test_refuses_near_misses(codec):
    assert share_refused(400, 2) >= 0.99
    assert share_refused(200, 2, blurred) >= 0.99
    assert share_refused(200, 2, codec) >= 0.99


def test_bent_outlines_count_and_spoiled_ones_do_not():
    """A person calls a heart with a wavy outline a heart, small or large; not one with a piece bitten off."""
    assert share_right(200, 1, lambda picture, seed: bent(picture, seed, 0.5)) >= 0.96
    assert 0.75 <= share_right(200, 1, lambda picture, seed: bent(picture, seed, 0.7)) <= 0.95
    assert share_right(200, 1, lambda picture, seed: bent(picture, seed, 2.0)) <= 0.1
    assert share_refused(200, 2, lambda picture, seed: bent(picture, seed, 0.7)) >= 0.99


@pytest.mark.parametrize(("share", "least"), [(0.15, 0.85), (0.25, 0.93), (0.35, 0.93)])
def test_refuses_a_bite(share, least):
    refused = [
        fault(read(bitten(scene, share, seed)), scene.asked) is not None
        for seed, scene in enumerate(WORLD.sample(8, i) for i in range(200))
    ]
    assert sum(refused) / len(refused) >= least


def planted(scene: Scene, seed: int, fault: str, side: int) -> np.ndarray | None:
    """The picture with a hole or a speck of another colour, `side`×`side` pixels, anywhere wholly inside an object; or
    with `side` pixels cut off one side of an object. None where no object has room.
    """
    draw, picture, ground = Rng("plant", fault, seed), render(scene, 64, 64), BACKGROUNDS[scene.background]
    one = draw.choice(scene.objects)
    alone = render(replace(scene, objects=(one,)), 64, 64)
    if fault == "cut":
        left, top, right, bottom = (64 * edge for edge in one.box)
        rows, columns = np.indices((64, 64)) + 0.5
        sides = (columns < left + side, columns > right - side, rows < top + side, rows > bottom - side)
        picture[draw.choice(sides) & (alone != ground).any(-1)] = ground
        return picture
    whole = (alone == COLORS[one.color]).all(-1)
    spots = np.argwhere(np.lib.stride_tricks.sliding_window_view(whole, (side, side)).all((2, 3)))
    if not len(spots):
        return None
    top, left = spots[int(draw.uniform(0, len(spots)))]
    other = COLORS[draw.choice([name for name in COLORS if name != one.color])]
    picture[top : top + side, left : left + side] = ground if fault == "hole" else other
    return picture


def share_passed(kind: str, side: int, count: int) -> float:
    scenes = [WORLD.sample(77, index) for index in range(count)]
    pictures = [planted(scene, index, kind, side) for index, scene in enumerate(scenes)]
    passed = [fault(read(p), s.asked) is None for p, s in zip(pictures, scenes, strict=True) if p is not None]
    assert len(passed) > 0.9 * count
    print(f"{kind} of {side}: {sum(passed)} of {len(passed)} pass")
    return sum(passed) / len(passed)


# Of 300, 1.0% of the holes and 4.0% of the specks pass. Before enclosed parts were measured it was 37% and 20%, and of
# 2×2 all of the holes and 91% of the specks.
@pytest.mark.parametrize(("kind", "side", "most"), [("hole", 3, 0.05), ("speck", 3, 0.05)])
def test_refuses_a_hole_or_a_speck_of_three_pixels(kind, side, most):
    assert share_passed(kind, side, 300) <= most


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "side", "least", "most"),
    [("hole", 2, 0, 0.2), ("speck", 2, 0, 0.25), ("cut", 2, 0.9, 1), ("cut", 4, 0.3, 0.5), ("cut", 6, 0, 0.1)],
)
def test_what_the_tolerance_passes(kind, side, least, most):
    """README's figures: small dents of an outline pass as a hand-drawn one's do."""
    assert least <= share_passed(kind, side, 1000) <= most


def through_jpeg(picture: np.ndarray, seed: int) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=75)
    return np.asarray(Image.open(stream))


def resized(picture: np.ndarray, seed: int) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((56, 56), Image.BICUBIC).resize((64, 64), Image.BICUBIC))


@pytest.mark.parametrize("way", [through_jpeg, resized], ids=lambda way: way.__name__)
def test_a_round_trip_leaves_no_hole(way):
    assert share_right(150, 5, way) >= 0.98


def test_a_shape_that_is_none_of_the_six_is_named_so():
    """A bar and a frame: what is drawn over them overlaps by more than half."""
    for change in (bar, frame):
        reading = read(picture_with(change))
        assert reading.problems == ("a blue object of no known shape",), change.__name__


@pytest.mark.parametrize(("distance", "least"), [(0.3, 0.8), (0.4, 0.97), (0.6, 0.97)])
def test_refuses_a_twin_grown_into_its_neighbour(distance, least):
    refused = []
    for seed in range(200):
        scene, angle = WORLD.sample(8, seed), Rng("twin", seed).uniform(0, 2 * np.pi)
        one = scene.objects[0]
        step = distance * one.size
        twin = replace(one, x=one.x + step * np.cos(angle), y=one.y + step * np.sin(angle))
        picture = render(replace(scene, objects=(*scene.objects, twin)), 64, 64)
        refused.append(fault(read(picture), scene.asked) is not None)
    assert sum(refused) / len(refused) >= least


@pytest.mark.slow
@pytest.mark.parametrize("way", ["none", "blurred", "codec"])
def test_both_ways_on_two_thousand(way, codec):
    change = PATCHES.get(way, codec)
    assert share_right(2000, 1, change) >= (0.995 if way == "none" else 0.98)
    assert share_refused(2000, 2, change) >= 0.99


@pytest.mark.parametrize("size", [(128, 128), (96, 64), (64, 192), (256, 256)])
def test_reads_other_sizes(size):
    assert share_right(60, 3, size=size) >= 0.98
    assert share_right(60, 4, blurred, size=size) >= 0.98


SCENE = Scene("one", "white", (Object("blue", "square", 0.35, 0.35, 0.3),))


def picture_with(change) -> np.ndarray:
    picture = render(SCENE, 64, 64)
    change(picture)
    return picture


def ghost(picture):
    picture[40:52, 40:52] = (picture[40:52, 40:52] * 0.8 + np.array(COLORS["green"]) * 0.2).astype(np.uint8)


def two_colours(picture):
    blue = (picture == COLORS["blue"]).all(-1)
    blue[:, :22] = False
    picture[blue] = COLORS["red"]


def between_colours(picture):
    picture[(picture == COLORS["blue"]).all(-1)] = (95, 65, 200)  # blue and purple, mixed


def hole(picture):
    picture[19:26, 19:26] = BACKGROUNDS["white"]


def bar(picture):
    picture[:] = BACKGROUNDS["white"]
    picture[20:32, 14:40] = COLORS["blue"]


def frame(picture):
    picture[:] = BACKGROUNDS["white"]
    picture[12:36, 12:36] = COLORS["blue"]
    picture[18:30, 18:30] = BACKGROUNDS["white"]


def speck(picture):
    picture[45:50, 45:50] = COLORS["red"]


def gradient(picture):
    shade = np.linspace(1, 0.6, 64)[None, :, None]
    picture[:] = (picture * shade).astype(np.uint8)


def noise(picture):
    picture[:] = np.random.default_rng(0).integers(0, 256, picture.shape)


def cut_off(picture):
    picture[:] = np.roll(picture, -18, axis=1)
    picture[:, -20:] = BACKGROUNDS["white"]


@pytest.mark.parametrize(
    "change", [ghost, two_colours, between_colours, hole, speck, gradient, noise, cut_off], ids=lambda f: f.__name__
)
def test_a_spoiled_picture_has_a_problem(change):
    assert fault(read(picture_with(lambda picture: None)), SCENE.asked) is None
    assert read(picture_with(change)).problems


def test_plain_and_tiny_pictures_do_not_crash():
    plain = np.full((64, 64, 3), 250, np.uint8)
    assert read(plain).objects == () and read(plain).background == "white"
    assert read(np.zeros((16, 16, 3), np.uint8)).background is None
    assert "not 1" in fault(read(plain), SCENE.asked)


def test_places_and_sizes_are_measured():
    for index in range(40):
        scene = WORLD.sample(9, index)
        found = sorted(read(render(scene, 64, 64)).objects, key=lambda o: (o.x, o.y))
        for one, truth in zip(found, sorted(scene.objects, key=lambda o: (o.x, o.y)), strict=True):
            assert (one.x, one.y, one.size) == pytest.approx((truth.x, truth.y, truth.size), abs=0.02)


def test_relation_turns_with_the_order_asked_for():
    scene = World(kinds={"pair": 1}).sample(0, 0)
    first, second = scene.objects
    turned = Scene("pair", scene.background, (second, first), OPPOSITE[scene.relation])
    reading = read(render(scene, 64, 64))
    assert fault(reading, scene.asked) is None and fault(reading, turned.asked) is None
    assert "relation" in fault(reading, replace(scene.asked, relation=OPPOSITE[scene.relation]))
