"""The sampler: a picture is a function of its prompt and seed, whatever is drawn beside it."""

from dataclasses import replace

import numpy
import pytest
import torch

from seedream_core.errors import UserError
from seedream_core.flow.guidance.interval import IntervalGuidance
from seedream_core.flow.guidance.rescaled import RescaledGuidance
from seedream_core.flow.solvers.stochastic_euler import StochasticEuler
from seedream_core.flow.velocity import PLAIN
from seedream_core.models.dit import Velocity
from seedream_core.pipeline import generator
from seedream_core.pipeline import sampler as sampling
from seedream_core.pipeline.sampler import Sampler

PROMPTS = ["an orange star", "灰色背景上有三个紫色十字", "a blue heart above a cyan cross on a beige background"]


@pytest.fixture(scope="module")
def sampler(tiny_generator):
    return Sampler.load(tiny_generator)


def test_the_batch_changes_no_picture(sampler):
    together = sampler.images(PROMPTS, [1, 2, 3])
    assert together.shape == (3, 64, 64, 3) and together.dtype == numpy.uint8
    for batch in (1, 2):
        apart = sampler.images(PROMPTS, [1, 2, 3], batch=batch)
        assert abs(apart.astype(int) - together).max() <= 1
    assert abs(sampler.images(PROMPTS[2:], [3]).astype(int)[0] - together[2]).max() <= 1


def test_seed_and_prompt_each_make_another_picture(sampler):
    same, seed, prompt = (
        sampler.images([text], [number])[0].astype(int)
        for text, number in ((PROMPTS[0], 1), (PROMPTS[0], 2), (PROMPTS[1], 1))
    )
    assert abs(same - seed).max() > 20 and abs(same - prompt).max() > 5
    assert (same == sampler.images([PROMPTS[0]], [1])[0]).all()


def test_the_models_own_settings_are_the_defaults(sampler):
    spec = sampler.spec
    given = sampler.images(
        PROMPTS[:1], [1], width=spec.width, height=spec.height, steps=spec.steps, guidance=spec.guidance
    )
    assert (given == sampler.images(PROMPTS[:1], [1])).all()


def test_any_size_that_fits(sampler):
    assert sampler.images(PROMPTS[:1], [1], width=96, height=32).shape == (1, 32, 96, 3)
    with pytest.raises(UserError, match="size 60x64: width 60 is not a multiple of 16; try 48 or 64"):
        sampler.images(PROMPTS[:1], [1], width=60)


def test_guidance_one_asks_the_network_once_per_step(tiny_generator, monkeypatch):
    loaded = generator.load(tiny_generator, sampling=True)
    sampler, rows = Sampler(loaded), []
    forward = loaded.network.forward
    monkeypatch.setattr(
        loaded.network, "forward", lambda z, *rest, **more: rows.append(len(z)) or forward(z, *rest, **more)
    )
    sampler.latents(PROMPTS[:2], [1, 2], steps=3, guidance=1)
    assert sum(rows) == 6
    rows.clear()
    sampler.latents(PROMPTS[:2], [1, 2], steps=3, guidance=2)
    assert sum(rows) == 12


def test_an_interval_over_all_times_is_plain_guidance_bit_for_bit(sampler):
    plain = sampler.latents(PROMPTS[:2], [1, 2], guidance=3.0)
    everywhere = sampler.latents(PROMPTS[:2], [1, 2], guidance=3.0, guidance_rule=IntervalGuidance())
    assert torch.equal(plain, everywhere)
    for rule in (IntervalGuidance(start=0.4, end=0.8), RescaledGuidance()):
        other = sampler.latents(PROMPTS[:2], [1, 2], guidance=3.0, guidance_rule=rule)
        assert (other - plain).abs().max() > 1e-3
    assert torch.equal(
        sampler.latents(PROMPTS[:1], [1], guidance=1.0),
        sampler.latents(PROMPTS[:1], [1], guidance=1.0, guidance_rule=RescaledGuidance()),
    )


def test_evaluations_are_counted_as_they_are_made(tiny_generator, monkeypatch):
    loaded = generator.load(tiny_generator, sampling=True)
    sampler, rows = Sampler(loaded), []
    forward = loaded.network.forward
    monkeypatch.setattr(
        loaded.network, "forward", lambda z, *rest, **more: rows.append(len(z)) or forward(z, *rest, **more)
    )
    for rule, solver, scale in (
        (PLAIN, "euler", 1.0),
        (IntervalGuidance(start=0.3, end=0.8), "euler", 2.0),
        (IntervalGuidance(start=0.3, end=0.8), "heun", 2.0),
        (RescaledGuidance(), "heun", 2.0),
    ):
        rows.clear()
        sampler.latents(PROMPTS[:1], [1], steps=5, guidance=scale, guidance_rule=rule, solver=solver)
        counted = sampler.evaluations(64, 64, steps=5, guidance=scale, guidance_rule=rule, solver=solver)
        assert sum(rows) == counted


def test_a_guidance_distilled_model_refuses_guidance(tiny_generator):
    loaded = generator.load(tiny_generator, sampling=True)
    sampler = Sampler(replace(loaded, spec=replace(loaded.spec, guidance_distilled=True, guidance=1.0)))
    sampler.images(PROMPTS[:1], [1], steps=1)
    with pytest.raises(UserError, match="distilled to draw without guidance"):
        sampler.images(PROMPTS[:1], [1], steps=1, guidance=3)
    with pytest.raises(UserError, match="guidance_rule rescaled: a distilled model takes no guidance rule"):
        sampler.images(PROMPTS[:1], [1], steps=1, guidance_rule=RescaledGuidance())


@pytest.mark.parametrize("solver", ["dpm_solver", "euler", "heun"])
def test_a_straight_flow_arrives_at_its_data_in_any_number_of_steps(tiny_generator, monkeypatch, solver):
    loaded = generator.load(tiny_generator, sampling=True)
    sampler, data = Sampler(loaded), torch.full((4, 4, 4), 0.25)
    noise = sampling.picture_noise(5, (4, 4, 4))
    monkeypatch.setattr(loaded.network, "forward", lambda z, *rest, **more: Velocity((noise - data).expand_as(z), None))
    for steps in (1, 3):
        latents = sampler.latents(PROMPTS[:1], [5], steps=steps, solver=solver)
        torch.testing.assert_close(latents[0], data, atol=1e-5, rtol=0)


def test_a_stochastic_solver_draws_its_noise_from_each_pictures_seed(sampler):
    together = sampler.latents(PROMPTS[:2], [4, 5], solver="stochastic_euler")
    torch.testing.assert_close(sampler.latents(PROMPTS[1:2], [5], solver="stochastic_euler")[0], together[1])
    faint = sampler.latents(PROMPTS[:2], [4, 5], solver=StochasticEuler(noise=1e-4))
    torch.testing.assert_close(faint, sampler.latents(PROMPTS[:2], [4, 5]), atol=1e-3, rtol=1e-3)
    assert (together - faint).abs().mean() > 0.05


@pytest.mark.parametrize(
    ("own", "width", "height", "middle"),
    [
        (1.0, 64, 64, 0.5),  # as many tokens as the base has
        (3.0, 64, 64, 0.75),  # the model's own shift: 3 * 0.5 / (1 + 2 * 0.5)
        (1.0, 128, 128, 2 / 3),  # four times the tokens, and so a shift of 2
        (1.0, 128, 32, 0.5),
        (3.0, 128, 128, 6 / 7),  # both: a shift of 6
        (1.0, 32, 32, 1 / 3),
    ],
)
def test_the_times_that_the_network_is_asked_at_follow_the_models_shift_and_the_size(
    tiny_generator, own, width, height, middle
):
    loaded = generator.load(tiny_generator, sampling=True)
    asked, forward = [], loaded.network.forward

    def note(z, t, *rest, **more):
        asked.append(float(t[0]))
        return forward(z, t, *rest, **more)

    loaded.network.forward = note
    sampler = Sampler(replace(loaded, spec=replace(loaded.spec, shift=own, base_tokens=16)))
    sampler.latents(PROMPTS[:1], [1], steps=2, guidance=1, width=width, height=height)
    assert asked == pytest.approx([1.0, middle])


def test_times_fall_from_noise_to_data():
    plain, shifted = sampling.time_grid(4, 1.0), sampling.time_grid(4, 3.0)
    torch.testing.assert_close(plain, torch.tensor([1.0, 0.75, 0.5, 0.25, 0.0]))
    assert shifted[0] == 1 and shifted[-1] == 0 and (shifted[1:-1] > plain[1:-1]).all()


def test_pixels_cover_their_range():
    assert sampling.to_pixels(torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0]).expand(1, 3, 1, 5))[0, 0, :, 0].tolist() == [
        0,
        0,
        128,
        255,
        255,
    ]
