"""Distances against answers known without the code: Gaussians of known mean and covariance."""

import numpy as np
import pytest
import torch
from torch import nn

from seedream_core.evaluation.metrics.distances import Distances, LatentFeatures, between


def exact_rows(count, mean, deviation):
    """Rows whose sample mean and unbiased covariance are exactly `mean` and diag(deviation²)."""
    rows = torch.randn(count, len(mean), generator=torch.Generator().manual_seed(3)).double()
    rows -= rows.mean(0)
    whiten = torch.linalg.inv(torch.linalg.cholesky(rows.T.cov())).T
    return rows @ whiten * torch.tensor(deviation).double() + torch.tensor(mean).double()


def test_frechet_of_known_gaussians():
    first = exact_rows(400, [0.0, 0.0, 0.0], [1.0, 2.0, 0.5])
    second = exact_rows(300, [1.0, -2.0, 0.0], [3.0, 2.0, 1.0])
    # |mean difference|² + sum of (deviation difference)² for commuting covariances
    assert between(first, second).frechet == pytest.approx(1 + 4 + (2**2 + 0 + 0.5**2), rel=1e-6)


def test_equal_sets_are_at_zero_and_distance_grows_with_the_shift():
    rows = exact_rows(200, [0.0] * 4, [1.0] * 4)
    assert between(rows, rows).frechet < 1e-6
    distances = [between(rows, rows + shift) for shift in (0.1, 0.5, 2.0)]
    assert [d.frechet for d in distances] == pytest.approx([0.04, 1.0, 16.0], rel=1e-6)
    assert distances[0].kernel < distances[1].kernel < distances[2].kernel


def test_kernel_distance_is_the_unbiased_estimate():
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(64, 3, generator=generator).double() for _ in range(2))

    def kernel(a, b):
        return (a @ b.T / 3 + 1) ** 3

    def off_diagonal(k):
        return (k.sum() - k.trace()) / (len(k) * (len(k) - 1))

    exact = off_diagonal(kernel(first, first)) + off_diagonal(kernel(second, second)) - 2 * kernel(first, second).mean()
    found = between(first, second)
    assert abs(found.kernel - float(exact)) < 2 * found.kernel_deviation  # subsets of half the rows scatter


def test_the_same_call_gives_the_same_number_and_leaves_the_global_generator_alone():
    rows = exact_rows(60, [0.0] * 4, [1.0] * 4)
    state = torch.get_rng_state()
    assert between(rows, rows + 1) == between(rows, rows + 1)
    assert torch.equal(torch.get_rng_state(), state)


def test_subsets_of_the_kernel_distance_follow_from_the_seed_alone():
    rows = exact_rows(60, [0.0] * 4, [1.0] * 4)
    found = []
    for state in (1, 2):
        torch.manual_seed(state)
        found.append(between(rows, rows + 1))
    assert found[0] == found[1]
    other = between(rows, rows + 1, seed=1)
    assert other.kernel != found[0].kernel and other.frechet == found[0].frechet


class Halves(nn.Module):
    """An 'autoencoder' whose latents are the picture, pooled by 2."""

    def __init__(self):
        super().__init__()
        self.register_buffer("latent_mean", torch.zeros(3))

    def encode(self, images):
        return type("Posterior", (), {"mean": nn.functional.avg_pool2d(images, 2)})

    def normalise(self, latents):
        return latents - self.latent_mean.view(-1, 1, 1)


def test_features_are_grid_means_and_deviations_whatever_the_batch():
    images = np.random.default_rng(0).integers(0, 256, (7, 8, 8, 3), dtype=np.uint8)
    features = LatentFeatures(Halves())
    one, many = (Distances(features, images, batch=size).reference for size in (1, 64))
    assert one.shape == (7, features.num_features) and torch.allclose(one, many, atol=1e-6)
    red = images[0, :4, :4, 0].mean() / 127.5 - 1  # top left of the first channel
    assert one[0, 0] == pytest.approx(red, abs=1e-5)


def test_noise_is_farther_from_the_reference_than_more_of_the_same():
    draw = np.random.default_rng(1)
    plain = [np.broadcast_to(draw.integers(0, 256, (40, 1, 1, 3)), (40, 8, 8, 3)).astype(np.uint8) for _ in range(2)]
    noise = draw.integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    distances = Distances(LatentFeatures(Halves()), plain[0])
    same, other = distances.to(plain[1]), distances.to(noise)
    assert same.frechet < other.frechet and same.kernel < other.kernel
