"""Numbers depend on seed, key, step and purpose, and on nothing drawn before."""

import pytest
import torch

from seedream_core import randomness
from seedream_core.randomness import fraction, generator, normal, uniform


def test_a_row_is_the_same_in_any_batch_and_order():
    together = normal(3, ["a", "b", "c"], 7, (4, 5))
    alone = normal(3, ["c"], 7, (4, 5))
    assert torch.equal(together[2:], alone)
    assert torch.equal(together.flip(0), normal(3, ["c", "b", "a"], 7, (4, 5)))


def test_every_part_of_the_tuple_counts():
    draws = [
        normal(*part, (8,), purpose)
        for part, purpose in (
            ((0, ["a"], 0), "noise"),
            ((1, ["a"], 0), "noise"),
            ((0, ["b"], 0), "noise"),
            ((0, ["a"], 1), "noise"),
            ((0, ["a"], 0), "latent"),
        )
    ]
    assert len({tuple(draw.flatten().tolist()) for draw in draws}) == len(draws)


def test_normal_is_standard():
    draws = normal(0, [str(i) for i in range(2000)], 0, (16,))
    assert abs(draws.mean()) < 0.02 and abs(draws.std() - 1) < 0.02


def test_uniform_is_below_one_even_where_f32_rounds_up(monkeypatch):
    assert uniform(0, ["a"], 3, "time").item() == pytest.approx(fraction(0, "a", 3, "time"))
    monkeypatch.setattr(randomness, "fraction", lambda *_: 1 - 2**-53)
    assert uniform(0, ["a"], 3, "time").item() < 1


def test_generator_and_fraction_are_stable_across_versions():
    assert generator(1, "key", 2, "noise").initial_seed() == 8093761660492947339
    fractions = [fraction(0, str(i), 0, "caption") for i in range(4000)]
    assert all(0 <= value < 1 for value in fractions)
    assert abs(sum(fractions) / 4000 - 0.5) < 0.02
    assert fraction(0, "scene", 12, "caption") == 0.5712282224059513
