import pytest
import torch

from seedream_core.models.autoencoder.latents import LatentModule, Posterior


def test_divergence_is_torchs():
    mean, std = torch.randn(3, 2, 4, 4), torch.rand(3, 2, 4, 4) + 0.1
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, std), torch.distributions.Normal(0, 1)
    )
    torch.testing.assert_close(Posterior(mean, std).divergence(), expected.sum((1, 2, 3)), rtol=1e-4, atol=1e-4)


def test_normalising_and_back():
    module = LatentModule(2)
    module.set_statistics(torch.tensor([1.0, -2.0]), torch.tensor([0.5, 3.0]))
    latents = torch.randn(2, 2, 3, 3)
    torch.testing.assert_close(module.denormalise(module.normalise(latents)), latents)
    torch.testing.assert_close(module.normalise(torch.tensor([1.0, -2.0])[:, None, None]), torch.zeros(2, 1, 1))
    with pytest.raises(ValueError, match="constant"):
        module.set_statistics(torch.zeros(2), torch.tensor([1.0, 0.0]))
