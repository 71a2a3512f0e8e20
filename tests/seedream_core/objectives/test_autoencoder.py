"""Figures of the autoencoder: PSNR, and the latents' mean and deviation, against a plain computation."""

import math

import pytest
import torch
import toy_training as toy

from seedream_core.data.loading.batches import picture_batches
from seedream_core.losses.reconstruction import Reconstruction
from seedream_core.models.autoencoder.conv import Conv
from seedream_core.models.autoencoder.latents import Posterior
from seedream_core.objectives.autoencoder import AutoencoderModule, laplacian, measure, psnr, quality
from seedream_core.records import Batch
from seedream_core.stages.data.synthetic import SyntheticStage


def test_psnr_of_a_known_error():
    images = torch.zeros(2, 3, 4, 4)
    off = images.clone()
    off[0] += 0.2
    values = psnr(images, off)
    assert values[0] == pytest.approx(10 * math.log10(4 / 0.04), abs=1e-4)
    assert values[1] == pytest.approx(10 * math.log10(4e10), abs=1e-3)


def test_statistics_are_the_latents_own(tmp_path):
    SyntheticStage(samples=16, size=(32, 32)).run(tmp_path, toy.host())
    batches = picture_batches(tmp_path, train=toy.config(global_batch=8))
    torch.manual_seed(0)
    network = Conv(channels=4, stem=8, widths=(16, 16)).build()
    mean, std = measure(network, batches, 1000)
    with torch.no_grad():
        both = [network.encode(batches.batch(step).images) for step in range(2)]
    means, stds = torch.cat([one.mean for one in both]), torch.cat([one.std for one in both])
    torch.testing.assert_close(mean, means.mean((0, 2, 3)))
    torch.testing.assert_close(std, (means.var((0, 2, 3), unbiased=False) + stds.square().mean((0, 2, 3))).sqrt())


def test_quality_of_known_reconstructions(tmp_path):
    SyntheticStage(samples=8, size=(32, 32)).run(tmp_path, toy.host())
    batches = picture_batches(tmp_path, train=toy.config(global_batch=8))

    class Through(torch.nn.Module):
        """An autoencoder that gives back what `change` makes of its input."""

        def __init__(self, change):
            super().__init__()
            self.decode = change

        def encode(self, images):
            return Posterior(images, torch.zeros_like(images))

    exact, softer, flat = (
        quality(Through(change), batches, 8) for change in (lambda x: x, torch.nn.AvgPool2d(3, 1, 1), torch.zeros_like)
    )
    assert exact == {"psnr": pytest.approx(10 * math.log10(4e10), abs=1e-3), "sharpness": pytest.approx(1)}
    assert flat["sharpness"] == 0 and 0.1 < softer["sharpness"] < 0.9
    images = batches.batch(0).images
    assert flat["psnr"] == pytest.approx(float(psnr(images, torch.zeros_like(images)).mean()), abs=1e-4)
    padded = torch.nn.functional.conv2d(images[:, :1], torch.tensor([[[[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]]]]))
    torch.testing.assert_close(laplacian(images[:, :1]), padded)


def test_latent_noise_reaches_the_decoder_and_not_the_encoder():
    network = Conv(channels=4, stem=8, widths=(16, 16)).build()
    module = AutoencoderModule(
        network, train=toy.config(), loss=Reconstruction(), shown=torch.zeros(0), latent_noise=0.5
    )
    batch = Batch(step=3, keys=[str(i) for i in range(400)], captions=[""] * 400)
    latents = (torch.randn(400, 4, 2, 2) * torch.tensor([1.0, 2.0, 5.0, 10.0])[:, None, None]).requires_grad_()
    noisy = module.noisy(latents, batch)
    noisy.sum().backward()
    added = (noisy - latents).detach()
    touched = added.flatten(1).any(1)
    assert 0.4 < touched.float().mean() < 0.6
    assert not latents.grad[touched].any() and bool((latents.grad[~touched] == 1).all())
    shares = added[touched].std((0, 2, 3)) / latents.detach().std((0, 2, 3))
    torch.testing.assert_close(shares, torch.full((4,), 0.5 / 3**0.5), atol=0.05, rtol=0)  # uniform levels up to 0.5
    assert torch.equal(module.noisy(latents, batch), noisy)
