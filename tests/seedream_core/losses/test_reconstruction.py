"""Each part of the autoencoder's loss, against a plain computation."""

import pytest
import torch

from seedream_core.losses.reconstruction import Reconstruction
from seedream_core.models.autoencoder.latents import Posterior

OFF = {"l1": 0.0, "l2": 0.0, "edge": 0.0, "kl": 0.0}


@pytest.fixture
def made():
    torch.manual_seed(0)
    return (
        torch.randn(2, 3, 8, 8),
        torch.randn(2, 3, 8, 8),
        Posterior(torch.randn(2, 4, 2, 2), torch.rand(2, 4, 2, 2) + 0.1),
    )


def test_pixels(made):
    images, back, _ = made
    torch.testing.assert_close(
        Reconstruction(**OFF | {"l1": 2.0})(*made), 2 * torch.nn.functional.l1_loss(back, images)
    )
    torch.testing.assert_close(
        Reconstruction(**OFF | {"l2": 3.0})(*made), 3 * torch.nn.functional.mse_loss(back, images)
    )


def test_edges_do_not_see_a_constant_shift(made):
    images, _, posterior = made
    loss = Reconstruction(**OFF | {"edge": 1.0})
    assert loss(images, images + 0.3, posterior) < 1e-6
    assert loss(images, images.roll(1, dims=3), posterior) > 0.1


def test_divergence_equals_torchs_own(made):
    posterior = made[2]
    unit = torch.distributions.Normal(0.0, 1.0)
    expected = torch.distributions.kl_divergence(torch.distributions.Normal(posterior.mean, posterior.std), unit).mean()
    torch.testing.assert_close(Reconstruction(**OFF | {"kl": 1.0})(*made), expected)
