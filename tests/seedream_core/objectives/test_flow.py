"""A sample's noise and time depend on itself, its step and the seed alone; what is frozen is not trained."""

from dataclasses import replace

import pytest
import torch
import toy_training as toy

from seedream_core.data.loading.batches import latent_batches
from seedream_core.data.loading.caption_mix import CaptionMix
from seedream_core.flow.timesteps import Timesteps
from seedream_core.losses import Loss
from seedream_core.losses.flow_matching import FlowMatchingLoss
from seedream_core.objectives.flow import FlowModule
from seedream_core.pipeline import generator
from seedream_core.records import Batch

TRAIN = toy.config(global_batch=8)


@pytest.fixture
def module(tiny_generator):
    return FlowModule(
        generator.load(tiny_generator),
        train=TRAIN,
        timesteps=Timesteps.find("logit_normal")(),
        prompts=["a red circle", "红色"],
    )


@pytest.fixture(scope="module")
def batch(tiny_latents):
    return latent_batches(tiny_latents, train=TRAIN, captions=CaptionMix()).batch(3)


def test_noise_and_times_belong_to_the_sample(module, batch):
    noise, t = module.draw(batch)
    rows = [5, 1]
    part = Batch(step=3, keys=[batch.keys[row] for row in rows], captions=[""] * 2, latents=batch.latents[rows])
    some_noise, some_t = module.draw(part)
    assert torch.equal(noise[rows], some_noise) and torch.equal(t[rows], some_t)
    later = Batch(step=4, keys=batch.keys, captions=batch.captions, latents=batch.latents)
    assert not torch.equal(module.draw(later)[1], t)
    assert ((t > 0) & (t < 1)).all() and len(set(t.tolist())) == 8


def test_loss_is_the_error_of_the_velocity_on_the_path(module, batch):
    step = module.predict(batch)
    t = step.t[:, None, None, None]
    torch.testing.assert_close(step.noisy, (1 - t) * batch.latents + t * step.noise)
    loss = module.training_step(batch, 0)["loss"]
    torch.testing.assert_close(loss, (step.velocity - (step.noise - batch.latents)).square().mean())


def test_defects_teach_nothing(module, batch):
    """A change of what stands under the mask changes the input, but the loss asks nothing of those cells."""
    mask = torch.ones(8, 1, 4, 4)
    mask[:, :, 1:3] = 0
    step = module.predict(replace(batch, mask=mask))
    step.velocity.retain_grad()
    loss = FlowMatchingLoss()(step)
    loss.backward()
    assert (step.velocity.grad[:, :, 1:3] == 0).all() and (step.velocity.grad[:, :, :1] != 0).any()
    assert torch.equal(loss.detach(), module.training_step(replace(batch, mask=mask), 0)["loss"].detach())
    kept = step.velocity.detach() - step.target
    torch.testing.assert_close(loss.detach(), kept[:, :, [0, 3]].square().mean())
    assert torch.equal(replace(batch, mask=mask).to("cpu").mask, mask)


def test_terms_are_weighted_added_and_logged_by_name(tiny_generator, batch):
    alone = FlowModule(generator.load(tiny_generator), train=TRAIN, timesteps=Timesteps.find("uniform")())
    assert alone.training_step(batch, 0)["figures"] == {}
    two = FlowModule(
        generator.load(tiny_generator),
        train=TRAIN,
        timesteps=Timesteps.find("uniform")(),
        losses=[Loss.find(name)() for name in ("flow_matching", "contrastive_flow_matching")],
    )
    assert two.training_step(batch, 0)["figures"].keys() == {"flow_matching", "contrastive_flow_matching"}
    members = {"flow_matching": {}, "contrastive_flow_matching": {"weight": 0.3}, "dispersive": {"layer": 1}}
    losses = [Loss.find(name)(**options) for name, options in members.items()]
    several = FlowModule(
        generator.load(tiny_generator), train=TRAIN, timesteps=Timesteps.find("uniform")(), losses=losses
    )
    found = several.training_step(batch, 0)
    step = several.predict(batch)
    expected = {loss.name(): loss.weight * loss(step) for loss in losses}
    assert found["figures"].keys() == expected.keys() and all(bool(term) for term in expected.values())
    for name, term in expected.items():
        torch.testing.assert_close(found["figures"][name], term)
    torch.testing.assert_close(found["loss"], sum(expected.values()))
    found["loss"].backward()
    assert all(p.grad is not None for p in several.network.blocks[0].image.parameters())


def test_frozen_features_do_not_depend_on_the_company(module):
    captions = ["an orange star on a white background", "灰色背景上有三个紫色十字", "", "a"]
    together = module.encode(captions)
    for caption, row, length in zip(captions, together.text, together.text_mask.sum(1).tolist()):
        module.features.kept.clear()
        assert torch.equal(module.encode([caption]).text[0], row[:length])


def test_what_trains(tiny_generator, module):
    assert all(name.startswith("network.") for name, p in module.named_parameters())
    tuned = FlowModule(
        generator.load(tiny_generator), train=TRAIN, timesteps=Timesteps.find("uniform")(), text_mode="tuned"
    )
    assert {name.partition(".")[0] for name, p in tuned.named_parameters() if p.requires_grad} == {"network", "text"}


def test_samples_leave_the_training_as_it_was(module):
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    with torch.no_grad():
        first, second = module.samples(), module.samples()
    assert first.shape == (2, 4, 3, 64, 64)
    assert torch.equal(first, second)
    assert all(p.requires_grad and torch.equal(p, before[name]) for name, p in module.named_parameters())
