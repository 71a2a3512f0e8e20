"""What a machine with a GPU is checked by, within minutes:   python -m pytest -m gpu

Training in bf16, resuming, sampling from quantised weights, memory, cached text features; skipped where CUDA is absent.
"""

import math

import pytest
import torch
import toy_training as toy

from seedream_core.data.loading.batches import latent_batches
from seedream_core.data.loading.caption_mix import CaptionMix
from seedream_core.flow.timesteps import Timesteps
from seedream_core.objectives.flow import FlowModule
from seedream_core.pipeline import generator
from seedream_core.pipeline.sampler import Sampler
from seedream_core.training.fit import fit
from seedream_core.workflow.packaged import packaged

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA is not available on this machine"),
]


def train_flow(tiny_generator, tiny_latents, out, *, steps=20, **machine):
    """A few steps of the MM-DiT on tiny latents; the mean loss of the last ones, and the module."""
    train = toy.config(steps=steps, global_batch=12, sample_every=1000, log_every=1, checkpoint_every=1000)
    host = toy.host(accelerator="gpu", **machine)
    module = FlowModule(
        generator.load(tiny_generator), train=train, timesteps=Timesteps.find("uniform")(), prompts=["a"]
    )
    batches = latent_batches(tiny_latents, train=train, captions=CaptionMix(), host=host)
    fit(module, batches, train, host, out)
    losses = [row["loss"] for row in toy.rows(out)]
    assert len(losses) == steps and all(map(math.isfinite, losses))
    return sum(losses[-5:]) / 5, module


def test_training_in_bf16_follows_training_in_f32(tiny_generator, tiny_latents, tmp_path):
    """Two worker processes and pinned memory feed the bf16 run; the same samples, noise and times come out."""
    exact, _ = train_flow(tiny_generator, tiny_latents, tmp_path / "f32")
    rounded, module = train_flow(tiny_generator, tiny_latents, tmp_path / "bf16", precision="bf16", workers=2)
    assert rounded == pytest.approx(exact, rel=0.02)
    assert all(parameter.dtype == torch.float32 for parameter in module.parameters())


def test_a_resumed_run_ends_as_an_uninterrupted_one(tmp_path):
    train = {"schedule": "constant", "checkpoint_every": 10, "log_every": 1}
    machine = toy.host(accelerator="gpu")
    toy.run(tmp_path / "whole", toy.config(steps=20, **train), machine)
    for steps in (10, 20):
        toy.run(tmp_path / "resumed", toy.config(steps=steps, **train), machine)
    toy.assert_equal_runs(tmp_path / "whole", tmp_path / "resumed")


def test_quantised_weights_draw_the_same_picture_as_on_the_cpu():
    prompts, seeds = ["a red circle on a white background", "白色背景上有一个橙色五角星"], [1, 2]
    there, here = (Sampler.load(packaged(), device=device).images(prompts, seeds) for device in ("cuda", "cpu"))
    away = abs(there.astype(int) - here.astype(int))
    assert away.mean() < 2 and (away > 32).mean() < 0.01
    assert there.std() > 20  # a picture, not a grey field


def test_memory_does_not_grow_with_steps(tiny_generator, tiny_latents, tmp_path):
    peaks = []
    for steps in (10, 40):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        _, module = train_flow(tiny_generator, tiny_latents, tmp_path / str(steps), steps=steps)
        peaks.append(torch.cuda.max_memory_allocated() - before)
        del module
    assert peaks[0] > 0 and peaks[1] <= 1.05 * peaks[0]


def test_cached_text_features_are_those_of_the_encoder(tiny_generator, monkeypatch):
    module = FlowModule(
        generator.load(tiny_generator), train=toy.config(), timesteps=Timesteps.find("uniform")()
    ).cuda()
    captions = ["an orange star on a white background", "", "灰色背景上有三个紫色十字"]
    first, mask = module.encode(captions)
    monkeypatch.setattr(module.features.encoder, "forward", None)  # calling the encoder again would raise
    again, _ = module.encode(captions)
    assert first.is_cuda and mask.is_cuda and torch.equal(first, again)
    monkeypatch.undo()
    text = module.features.encoder
    ids, real = (part.cuda() for part in text.tokenize(captions))
    with torch.no_grad():
        direct = text(ids, real)
    torch.testing.assert_close(first[mask], direct[real].float(), rtol=0.02, atol=0.02)
