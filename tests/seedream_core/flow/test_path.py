import torch

from seedream_core.flow import path


def test_time_zero_is_data_and_time_one_is_noise():
    latents, noise = torch.randn(2, 3, 4, 2, 2)
    torch.testing.assert_close(path.interpolate(latents, noise, torch.zeros(3)), latents)
    torch.testing.assert_close(path.interpolate(latents, noise, torch.ones(3)), noise)


def test_the_true_velocity_leads_back_to_the_data_and_is_the_derivative():
    latents, noise = torch.randn(2, 3, 4, 2, 2)
    t = torch.tensor([0.1, 0.5, 0.9])
    noisy, velocity = path.interpolate(latents, noise, t), path.target(latents, noise)
    torch.testing.assert_close(noisy - path.expand(t, noisy) * velocity, latents)
    torch.testing.assert_close(
        (path.interpolate(latents, noise, t + 0.01) - noisy) / 0.01, velocity, atol=1e-4, rtol=1e-3
    )
