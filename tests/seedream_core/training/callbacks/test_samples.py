"""Grids come when they should, at the size they should, and from the averaged weights."""

import torch
import toy_training as toy
from PIL import Image

from seedream_core.training.callbacks.samples import grid


def test_grids_at_every_interval_and_at_the_end(tmp_path):
    toy.run(tmp_path, toy.config(steps=5, sample_every=2))
    names = [path.name for path in sorted((tmp_path / "samples").iterdir())]
    assert names == ["step_000002.png", "step_000004.png", "step_000005.png"]


def test_last_grid_shows_the_averaged_weights(tmp_path):
    module = toy.run(tmp_path, toy.config(steps=5))
    with torch.no_grad():
        shown = grid(module.samples())  # after the training the module holds the average
    assert Image.open(tmp_path / "samples" / "step_000005.png").tobytes() == shown.tobytes()


def test_grid_lays_rows_and_columns_out():
    page = grid(torch.stack([torch.full((2, 3, 4, 6), -1.0), torch.full((2, 3, 4, 6), 0.5)]))
    assert page.size == (2 * 6 + 2, 2 * 4 + 2)
    assert page.getpixel((0, 0)) == (0, 0, 0) and page.getpixel((13, 9)) == (191, 191, 191)
    assert page.getpixel((6, 0)) == (255, 255, 255)
