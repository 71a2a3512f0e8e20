"""Defects planted on pictures never used in development, found by the packaged detector: area, decisions, clean ones
flagged.

Photographs are those that scikit-image and matplotlib carry and that the detector was not trained on, cut and varied;
what shows a text or a drawing (page, text, logo, ...) is left out, since text is content there.
"""

import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seedream_core.data.curation.judging import CLEAN, SIDES, decision, find, planted_scenes
from seedream_core.data.curation.scorers.structure import packaged
from seedream_core.data.images.masks import saved, union
from seedream_core.models import detector
from seedream_core.randomness import Rng
from seedream_core.synthetic.defects.planting import plant

UNSEEN = (
    "skimage/data/astronaut.png",
    "skimage/data/camera.png",
    "skimage/data/chelsea.png",
    "skimage/data/coffee.png",
    "skimage/data/rocket.jpg",
    "skimage/data/gravel.png",
    "skimage/data/moon.png",
    "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
)
ASPECTS = (1.0, 4 / 3, 3 / 4, 3 / 2)
SEED = "acceptance 3"


@pytest.fixture(scope="module")
def network():
    return detector.load(packaged())


def photographs() -> list[np.ndarray]:
    """The unseen photographs that the installed packages carry."""
    roots = {
        name: Path(spec.origin).parents[1]
        for name in ("skimage", "matplotlib")
        if (spec := find_spec(name)) and spec.origin
    }
    paths = [roots[name.partition("/")[0]] / name for name in UNSEEN if name.partition("/")[0] in roots]
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths if path.is_file()]


def cut(pixels: np.ndarray, index: int, seed: str) -> np.ndarray:
    """A part of a photograph, 40% to all of it, at 64, 128 or 256 pixels, of one of four aspects, perhaps mirrored."""
    draw = Rng("cut", seed, index)
    side, aspect = SIDES[index % len(SIDES)], draw.choice(ASPECTS)
    width, height = (side, round(side / aspect)) if aspect >= 1 else (round(side * aspect), side)
    scale = draw.uniform(0.4, 1) * min(pixels.shape[1] / width, pixels.shape[0] / height)
    across, down = int(width * scale), int(height * scale)
    left, top = int(draw.uniform(0, pixels.shape[1] - across)), int(draw.uniform(0, pixels.shape[0] - down))
    part = Image.fromarray(pixels[top : top + down, left : left + across]).resize(
        (width, height), Image.Resampling.LANCZOS
    )
    return np.array(part)[:, ::-1] if draw.uniform(0, 1) < 0.5 else np.array(part)


def measured(network, pictures) -> dict[str, float]:
    """Figures, and how long a picture takes; printed, for the README."""
    pictures, started = list(pictures), time.perf_counter()
    found = [union([box["box"] for box in find(network, one.pixels)]) for one in pictures]
    seconds = time.perf_counter() - started
    true = [one.area for one in pictures]
    clean = [area for area, was in zip(found, true) if was == 0]
    result = {
        "pictures": len(pictures),
        "clean": len(clean),
        "area_error": float(np.mean(np.abs(np.subtract(true, found)))),
        "right": float(np.mean([decision(a) == decision(b) for a, b in zip(true, found)])),
        "clean_flagged": float(np.mean([area > 0 for area in clean])),
        "missed": float(np.mean([b == 0 for a, b in zip(true, found) if a > 0])),
        "milliseconds": 1e3 * seconds / len(pictures),
    }
    print({name: round(value, 4) for name, value in result.items()}, saved(found))
    return result


@pytest.mark.slow
def test_the_embedded_world(network):
    found = measured(network, planted_scenes(SEED, 1500))
    assert found["area_error"] <= 0.03
    assert found["right"] >= 0.97
    assert found["clean_flagged"] <= 0.02


@pytest.mark.slow
def test_real_photographs(network):
    pytest.importorskip("skimage")
    pytest.importorskip("matplotlib")
    whole = photographs()
    if len(whole) < 6:
        pytest.skip(f"only {len(whole)} of {len(UNSEEN)} photographs are installed")
    pictures = (cut(whole[index % len(whole)], index, SEED) for index in range(960))
    found = measured(network, (plant(pixels, SEED, index, clean=CLEAN) for index, pixels in enumerate(pictures)))
    assert found["right"] >= 0.85
    assert found["clean_flagged"] <= 0.1
