"""Figures of the autoencoder: PSNR, and the latents' mean and deviation, against a plain computation."""

import math

import pytest
import toy_training as toy
import torch

from seedream_core.data.batches import Batches
from seedream_core.models.autoencoder.conv import Conv
from seedream_core.modules.autoencoder import forward_flops, measure, psnr
from seedream_core.stages.data.synthetic import Synthetic


def test_psnr_of_a_known_error():
    images = torch.zeros(2, 3, 4, 4)
    off = images.clone()
    off[0] += 0.2
    values = psnr(images, off)
    assert values[0] == pytest.approx(10 * math.log10(4 / 0.04), abs=1e-4)
    assert values[1] == pytest.approx(10 * math.log10(4e10), abs=1e-3)


def test_statistics_are_the_latents_own(tmp_path):
    Synthetic(samples=16, size=(32, 32)).run(tmp_path, toy.host())
    batches = Batches(tmp_path, kind="images", train=toy.config(global_batch=8))
    torch.manual_seed(0)
    network = Conv(channels=4, stem=8, widths=(16, 16)).build()
    mean, std = measure(network, batches, 1000)
    with torch.no_grad():
        both = [network.encode(batches.batch(step).images) for step in range(2)]
    means, stds = torch.cat([one.mean for one in both]), torch.cat([one.std for one in both])
    torch.testing.assert_close(mean, means.mean((0, 2, 3)))
    torch.testing.assert_close(std, (means.var((0, 2, 3), unbiased=False) + stds.square().mean((0, 2, 3))).sqrt())


def test_flops_grow_with_the_pixels():
    network = Conv(channels=4, stem=8, widths=(16, 16)).build()
    small, large = (forward_flops(network, torch.zeros(1, 3, size, size)) for size in (32, 64))
    assert large == 4 * small > 0
