"""Planted batches: a pure function of the step, of one aspect, with the truth on the grid of cells."""

from collections import Counter

import numpy as np
import pytest
import torch
import toy_training as toy

from seedream_core.models.detector import Detector, DetectorConfig
from seedream_core.objectives import detector
from seedream_core.objectives.detector import ASPECTS, SIDES, DetectorModule, cover, ground
from seedream_core.randomness import Rng
from seedream_core.records import Batch
from seedream_core.synthetic.defects.planting import KINDS, Planted


def make(scenes=0.25, textures=0.25, clean=0.25) -> DetectorModule:
    torch.manual_seed(0)
    network = Detector(DetectorConfig(side=64, fine=8, coarse=16, dilations=(1,)), KINDS)
    return DetectorModule(network, train=toy.config(), scenes=scenes, textures=textures, clean=clean)


def batch(step=0, keys=("a", "b", "b", "c")) -> Batch:
    images = torch.linspace(-1, 1, 96 * 96).view(1, 1, 96, 96).expand(len(keys), 3, 96, 96)
    return Batch(step=step, keys=list(keys), captions=[""] * len(keys), images=images)


def test_planted_from_seed_key_and_step():
    first, second = make().planted(batch(3)), make().planted(batch(3))
    assert all(map(torch.equal, first, second))
    assert not torch.equal(first[0][1], first[0][2])  # the same key again in one batch is planted again
    alone = make().planted(batch(3, keys=("b", "b")))
    assert torch.equal(first[0][1:3], alone[0]) and torch.equal(first[1][1:3], alone[1])
    assert first[0].shape != make().planted(batch(4))[0].shape or not torch.equal(first[0], make().planted(batch(4))[0])


def test_every_aspect_comes_and_cells_fit():
    shapes = Counter()
    for step in range(40):
        images, covers = make().planted(batch(step, keys=("a",)))
        assert images.shape[2] == 8 * covers.shape[2] and images.shape[3] == 8 * covers.shape[3]
        assert covers.shape[:2] == (1, len(KINDS) + 1) and images.abs().max() <= 1
        assert torch.equal(covers[:, -1], covers[:, :-1].amax(1))
        shapes[tuple(images.shape[2:])] += 1
    assert len(shapes) == len(set(ASPECTS))


def test_pictures_of_all_sides_fit_into_one_batch():
    for aspect in ASPECTS:
        for longer in (64, 192, 256):
            sizes = {
                detector.prepare(ground(batch().images[0], Rng(side), side, aspect, 0.25, 0.25), longer)[0].shape
                for side in SIDES
            }
            assert len(sizes) == 1


def test_cover_is_the_area_of_the_boxes():
    boxes = ({"kind": "logo", "box": [0.1, 0.2, 0.35, 0.5]}, {"kind": "mosaic", "box": [0.5, 0.5, 1.0, 1.0]})
    found = cover(Planted(np.zeros((9, 9, 3), np.uint8), boxes), 7.5, 10, 8, 10)
    assert found[KINDS.index("logo")].sum() / 75 == pytest.approx(0.25 * 0.3, abs=1e-5)
    assert found[-1].sum() / 75 == pytest.approx(0.25 * 0.3 + 0.25, abs=1e-5)
    assert found[KINDS.index("sticker")].sum() == 0 and found.max() == 1


def test_grounds_of_all_three_sources():
    given = torch.full((3, 90, 120), 1.0)
    shares = {"given": (0.0, 0.0), "scenes": (1.0, 0.0), "textures": (0.0, 1.0)}
    made = {
        name: [ground(given, Rng("ground", name, index), 64, 4 / 3, *both) for index in range(20)]
        for name, both in shares.items()
    }
    assert all(one.shape == (48, 64, 3) and one.dtype == np.uint8 for ones in made.values() for one in ones)
    assert all((one == 255).all() for one in made["given"])
    flat = {name: sum((one == one[0, 0]).all(2).mean() > 0.3 for one in ones) for name, ones in made.items()}
    assert flat["scenes"] >= 18 and flat["textures"] <= 5  # plain backgrounds


def test_some_are_compressed():
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    changed = sum(not np.array_equal(pixels, detector.compressed(pixels, Rng("jpeg", index))) for index in range(100))
    assert 8 < changed < 35


def test_learns_what_it_is_shown():
    module = make(scenes=0.5, textures=0.5, clean=0.0)
    images, covers = module.planted(batch(0, keys=tuple("abcdefgh")))
    module.planted = lambda batch: (images, covers)
    optimizer = torch.optim.Adam(module.parameters(), 1e-2)
    losses = []
    for step in range(30):
        loss = module.training_step(batch(step), 0)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
