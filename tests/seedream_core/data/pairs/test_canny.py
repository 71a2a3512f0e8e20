"""Edges lie where brightness steps, thin and whole; noise below the threshold makes none."""

import numpy as np

from seedream_core.data.pairs.canny import edges
from seedream_core.synthetic.scenes.render import render
from seedream_core.synthetic.scenes.world import Object, Scene


def test_a_step_is_one_line():
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, 30:] = 200
    found = edges(picture, 1.0, 0.08, 0.2)
    assert (found.sum(1) == 1).all() and set(np.nonzero(found)[1]) <= {29, 30}
    assert (edges(picture.transpose(1, 0, 2), 1.0, 0.08, 0.2) == found.T).all()


def test_an_outline_is_closed_and_weak_parts_hang_on_strong_ones():
    found = edges(render(Scene("one", "white", (Object("black", "circle", 0.5, 0.5, 0.5),)), 128, 128), 1.0, 0.08, 0.2)
    angles = np.arctan2(*(np.argwhere(found).T - 63.5))
    assert len(np.unique(np.round(angles * 20))) > 100 and 150 < found.sum() < 330
    ramp = np.zeros((40, 40, 3), np.uint8)
    ramp[:, 20:] = np.linspace(40, 200, 40, dtype=np.uint8)[:, None, None]
    assert edges(ramp, 1.0, 0.05, 0.3).sum() > edges(ramp, 1.0, 0.3, 0.3).sum() > 0


def test_faint_noise_makes_no_edges():
    noise = np.random.default_rng(0).normal(128, 4, (64, 64, 3)).clip(0, 255).astype(np.uint8)
    assert not edges(noise, 1.0, 0.08, 0.2).any()
