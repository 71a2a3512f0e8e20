"""pretrain/autoencoder: learns, measures its latents, and resumes bit for bit."""

import signal
from dataclasses import replace

import pytest
import torch
import toy_training as toy

from seedream_core.data.loading.batches import picture_batches
from seedream_core.models.autoencoder.conv import Conv
from seedream_core.objectives.autoencoder import AutoencoderModule
from seedream_core.pipeline import generator
from seedream_core.stages.data.synthetic import SyntheticStage
from seedream_core.stages.pretrain.autoencoder import AutoencoderStage
from seedream_core.workflow import execute

NET = Conv(channels=4, stem=8, widths=(16, 16))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    out = tmp_path_factory.mktemp("pictures")
    for name, seed in (("seen", 0), ("unseen", 1)):
        execute.step(
            SyntheticStage(samples=24, size=(32, 32), seed=seed), out / name, toy.host(), say=lambda line: None
        )
    return out


@pytest.fixture
def vae(pictures):
    return AutoencoderStage(
        data=pictures / "seen",
        validation=pictures / "unseen",
        net=NET,
        train=toy.config(steps=12, global_batch=4, log_every=3, checkpoint_every=4, sample_every=50),
    )


def test_learns_and_measures_what_it_stores(vae, tmp_path):
    out = tmp_path / "vae"
    vae = replace(vae, train=toy.config(steps=40, global_batch=8, lr=5e-3, log_every=10))
    manifest = execute.step(vae, out, toy.host(), say=lambda line: None)
    assert manifest.facts == {
        "factor": 16,
        "channels": 4,
        "width": 32,
        "height": 32,
        "parameters": sum(p.numel() for p in NET.build().parameters()),
    }
    rows = toy.read_rows(out / "logs" / "metrics.jsonl")
    assert rows[-1]["loss"] < 0.7 * rows[0]["loss"]
    assert manifest.metrics["psnr_unseen"] and 5 < manifest.metrics["psnr"] < 40
    network = generator.load_autoencoder(out)
    posterior = network.encode(picture_batches(vae.data, train=replace(vae.train, global_batch=24)).batch(0).images)
    normal = network.normalise(posterior.mean + posterior.std * torch.randn_like(posterior.mean))
    assert normal.mean((0, 2, 3)).abs().max() < 0.15
    assert (normal.std((0, 2, 3)) - 1).abs().max() < 0.15
    assert (out / "samples" / "step_000040.png").exists()


def test_killed_twice_ends_bit_for_bit_as_uninterrupted(vae, tmp_path):
    def work(at):
        real = AutoencoderModule.training_step

        def training_step(self, batch, index):
            if batch.step == at:
                toy.os.kill(toy.os.getpid(), signal.SIGKILL)
            return real(self, batch, index)

        AutoencoderModule.training_step = training_step
        vae.run(tmp_path / "killed", toy.host())

    assert toy.fork(lambda: vae.run(tmp_path / "whole", toy.host())) == 0
    assert [toy.fork(lambda: work(at)) for at in (5, 9)] == [-signal.SIGKILL] * 2
    assert toy.fork(lambda: vae.run(tmp_path / "killed", toy.host())) == 0
    toy.assert_equal_runs(tmp_path / "whole", tmp_path / "killed")


def test_sizes_that_do_not_divide_are_refused_at_plan_time(vae):
    with pytest.raises(ValueError, match="width 40 do not divide by 16"):
        vae.facts({"data": {"width": 40, "height": 32}})


@pytest.mark.slow
def test_killed_at_random_moments_of_300_steps(vae, tmp_path):
    vae = replace(vae, train=toy.config(steps=300, global_batch=8, checkpoint_every=40, sample_every=120))
    toy.assert_survives_kills(vae, tmp_path)
