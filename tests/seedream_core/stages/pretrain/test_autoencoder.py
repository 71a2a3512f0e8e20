"""pretrain/autoencoder: learns, measures its latents, and resumes bit for bit."""

import signal
from dataclasses import replace

import pytest
import torch
import toy_training as toy
from torch.utils.flop_counter import FlopCounterMode

from seedream_core.data.loading.batches import picture_batches
from seedream_core.losses.adversarial import Adversarial
from seedream_core.models.autoencoder.conv import Conv
from seedream_core.models.discriminator import PatchDiscriminator
from seedream_core.objectives.autoencoder import AutoencoderModule
from seedream_core.pipeline import generator
from seedream_core.stages.data.synthetic import SyntheticStage
from seedream_core.stages.pretrain.autoencoder import AutoencoderStage
from seedream_core.workflow import execute
from seedream_core.workflow.config import dump

NET = Conv(channels=4, stem=8, widths=(16, 16))
ADVERSARIAL = Adversarial(start=3, width=8, layers=2)


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
        "net": dump(NET),
        "width": 32,
        "height": 32,
        "parameters": sum(p.numel() for p in NET.build().parameters()),
        "images": 40 * 8,
        "flops": 3 * NET.flops(32, 32) * 40 * 8,
    }
    rows = toy.read_rows(out / "logs" / "metrics.jsonl")
    assert rows[-1]["loss"] < 0.7 * rows[0]["loss"]
    assert manifest.metrics["psnr_unseen"] and 5 < manifest.metrics["psnr"] < 40
    assert 0 < manifest.metrics["sharpness"] < 2
    network = generator.load_autoencoder(out)
    posterior = network.encode(picture_batches(vae.data, train=replace(vae.train, global_batch=24)).batch(0).images)
    normal = network.normalise(posterior.mean + posterior.std * torch.randn_like(posterior.mean))
    assert normal.mean((0, 2, 3)).abs().max() < 0.15
    assert (normal.std((0, 2, 3)) - 1).abs().max() < 0.15
    assert (out / "samples" / "step_000040.png").exists()


def sabotaged(stage: AutoencoderStage, out, at: int) -> int:
    """Run the stage in a child that is killed in the middle of step `at`; gives the exit code."""

    def work():
        real = AutoencoderModule.reconstruct

        def reconstruct(self, batch):
            if batch.step == at:
                toy.os.kill(toy.os.getpid(), signal.SIGKILL)
            return real(self, batch)

        AutoencoderModule.reconstruct = reconstruct
        stage.run(out, toy.host())

    return toy.fork(work)


@pytest.mark.parametrize("adversarial", [None, ADVERSARIAL])
def test_killed_twice_ends_bit_for_bit_as_uninterrupted(vae, tmp_path, adversarial):
    vae = replace(vae, adversarial=adversarial)
    assert toy.fork(lambda: vae.run(tmp_path / "whole", toy.host())) == 0
    assert [sabotaged(vae, tmp_path / "killed", at) for at in (5, 9)] == [-signal.SIGKILL] * 2
    assert toy.fork(lambda: vae.run(tmp_path / "killed", toy.host())) == 0
    toy.assert_equal_runs(tmp_path / "whole", tmp_path / "killed")


def test_the_discriminator_starts_late_and_is_left_behind(vae, tmp_path):
    train = replace(vae.train, log_every=1)
    replace(vae, train=train).run(tmp_path / "plain", toy.host())
    deceiving = replace(vae, train=train, adversarial=ADVERSARIAL)
    deceiving.run(tmp_path / "adversarial", toy.host())
    plain, rows = (toy.read_rows(tmp_path / n / "logs" / "metrics.jsonl") for n in ("plain", "adversarial"))
    assert [row["step"] for row in rows] == list(range(1, 13))
    start = ADVERSARIAL.start
    assert [row["loss"] for row in rows[: start + 1]] == [row["loss"] for row in plain[: start + 1]]
    assert all(row["discriminator"] == row["adversarial"] == row["balance"] == 0 for row in rows[:start])
    assert rows[start]["discriminator"] > 0 and rows[start]["balance"] == 0  # it learns alone at first
    assert all(row["balance"] > 0 for row in rows[start + 1 :])
    for row in rows:
        whole = row["reconstruction"] + ADVERSARIAL.weight * row["balance"] * row["adversarial"]
        assert row["loss"] == pytest.approx(whole, rel=1e-5)
    state = toy.states(tmp_path / "adversarial")
    assert any(name.startswith("discriminator.") for name in state["state_dict"])
    assert all(name.startswith("network.") for name in state["callbacks"]["Ema"]["weights"])
    before = (tmp_path / "adversarial" / "logs" / "metrics.jsonl").read_text()
    deceiving.run(tmp_path / "adversarial", toy.host())  # finished: nothing is trained again
    assert (tmp_path / "adversarial" / "logs" / "metrics.jsonl").read_text() == before
    assert generator.load_autoencoder(tmp_path / "adversarial").state_dict().keys() == NET.build().state_dict().keys()


def test_flops_of_the_discriminator_are_those_of_its_steps(vae):
    """Counted at a whole step: three times the figure is what a step costs for each picture, once the start is past."""
    plain, early, late = (
        replace(vae, adversarial=start if start is None else replace(ADVERSARIAL, start=start)).flops_per_image(32, 32)
        for start in (None, 0, 6)
    )
    discriminator, image = PatchDiscriminator(ADVERSARIAL.width, ADVERSARIAL.layers), torch.randn(1, 3, 32, 32)
    with FlopCounterMode(display=False) as counter:
        discriminator.requires_grad_(False)  # the decoder's loss: back to the reconstruction alone
        discriminator(image.clone().requires_grad_()).mean().backward()
        discriminator.requires_grad_(True)
        (discriminator(image).mean() + discriminator(image).mean()).backward()
    assert 3 * (early - plain) == pytest.approx(counter.get_total_flops(), rel=0.05)
    assert late - plain == pytest.approx((early - plain) / 2)  # of 12 steps


def test_micro_batches_add_up_to_the_batch(vae, tmp_path):
    vae = replace(vae, adversarial=ADVERSARIAL, train=replace(vae.train, log_every=1))
    vae.run(tmp_path / "whole", toy.host())
    vae.run(tmp_path / "parts", toy.host(micro_batch=2))
    for whole, parts in zip(toy.rows(tmp_path / "whole"), toy.rows(tmp_path / "parts"), strict=True):
        assert parts["loss"] == pytest.approx(whole["loss"], rel=1e-3)


def test_a_discriminator_that_never_starts_is_refused(vae):
    with pytest.raises(ValueError, match="adversarial.start: 12 is not below train.steps 12"):
        replace(vae, adversarial=replace(ADVERSARIAL, start=12))
