"""Real photographs that installed packages carry, and random crops of them. Nothing is downloaded.

    python tests/acceptance/photographs.py FOLDER

writes crops of 64 pixels: FOLDER/seen of scikit-image's photographs, FOLDER/unseen of scikit-learn's and matplotlib's.
"""

import importlib.util
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

PLACES = {"skimage": "data", "sklearn": "datasets/images", "matplotlib": "mpl-data/sample_data"}
# Left out, as they are drawings, parts of a test or spoiled themselves (clock_motion is a study in motion blur).
PHOTOGRAPHS = {
    "skimage": (
        "astronaut.png",
        "brick.png",
        "camera.png",
        "chelsea.png",
        "coffee.png",
        "coins.png",
        "grass.png",
        "gravel.png",
        "motorcycle_left.png",
        "rocket.jpg",
    ),
    "sklearn": ("china.jpg", "flower.jpg"),
    "matplotlib": ("grace_hopper.jpg",),
}
# Through a microscope or a telescope: soft by nature.
SCIENCE = {"skimage": ("hubble_deep_field.jpg", "ihc.png", "moon.png", "retina.jpg")}


@lru_cache
def photographs(package: str, names: tuple[str, ...] | None = None) -> dict[str, Image.Image]:
    """The photographs of an installed package by file name; FileNotFoundError where it carries them no more."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise FileNotFoundError(f"{package} is not installed")
    folder = Path(spec.origin).parent / PLACES[package]
    return {name: Image.open(folder / name).convert("RGB") for name in names or PHOTOGRAPHS[package]}


def crops(pictures: dict[str, Image.Image], seed: int, count: int, side: int = 256) -> Iterator[tuple[str, np.ndarray]]:
    """`count` random squares, each from `side` pixels to the whole shorter side, reduced to `side`, half of them
    mirrored.
    """
    for index in range(count):
        draw = np.random.default_rng((seed, index))
        name = sorted(pictures)[index % len(pictures)]
        picture = pictures[name]
        length = int(draw.integers(side, min(picture.size) + 1)) if min(picture.size) > side else min(picture.size)
        left, top = (int(draw.integers(0, full - length + 1)) for full in picture.size)
        crop = picture.resize((side, side), Image.Resampling.LANCZOS, (left, top, left + length, top + length))
        pixels = np.asarray(crop)
        yield name, np.ascontiguousarray(pixels[:, ::-1] if draw.random() < 0.5 else pixels)


if __name__ == "__main__":
    unseen = photographs("sklearn") | photographs("matplotlib")
    for name, pictures, seed, count in (("seen", photographs("skimage"), 0, 8000), ("unseen", unseen, 1, 600)):
        folder = Path(sys.argv[1]) / name
        folder.mkdir(parents=True)
        for index, (_, pixels) in enumerate(crops(pictures, seed, count, side=64)):
            Image.fromarray(pixels).save(folder / f"{index:05d}.png")
