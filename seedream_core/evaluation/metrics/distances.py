"""Fréchet and kernel distances between two sets of pictures (Heusel 2017, Bińkowski 2018; torchmetrics).

The features come from a frozen autoencoder of the project: its normalised latents, averaged over a 2x2 grid, and
each channel's deviation. The numbers therefore compare models that are measured with the same autoencoder; they are
not the FID and KID of papers, which use Inception weights.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor, nn

GRID = 2
SUBSETS = 50


class LatentFeatures(nn.Module):
    """uint8 pictures B×3×H×W -> B×num_features, by a frozen autoencoder."""

    def __init__(self, autoencoder: nn.Module):
        super().__init__()
        self.autoencoder = autoencoder.eval().requires_grad_(False)
        self.num_features = (GRID * GRID + 1) * autoencoder.latent_mean.numel()

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        posterior = self.autoencoder.encode(images.float() / 127.5 - 1)
        latents = self.autoencoder.normalise(posterior.mean).float()
        places = nn.functional.adaptive_avg_pool2d(latents, GRID).flatten(1)
        return torch.cat([places, latents.flatten(2).std(dim=2, unbiased=False)], dim=1)


@dataclass(frozen=True)
class Distance:
    frechet: float
    kernel: float
    kernel_deviation: float

    def to_json(self) -> dict:
        return asdict(self)


class Distances:
    """Distances of many sets of pictures to one reference; features are computed once per picture."""

    def __init__(self, features: nn.Module, reference: np.ndarray, *, batch: int = 64, seed: int = 0):
        self.network, self.batch, self.seed = features.eval(), batch, seed
        self.reference = self.features(reference)

    def features(self, images: np.ndarray) -> Tensor:
        """uint8 B×H×W×3 -> B×d in f64: the covariance of nearly equal pictures needs this precision."""
        rows = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).split(self.batch)
        with torch.no_grad():
            return torch.cat([self.network(row).double() for row in rows])

    def to(self, images: np.ndarray) -> Distance:
        return between(self.reference, self.features(images), seed=self.seed)


class PrecomputedFeatures(nn.Module):
    """Passes features through unchanged, for torchmetrics, which expects a network."""

    def __init__(self, width: int):
        super().__init__()
        self.num_features = width

    def forward(self, rows: Tensor) -> Tensor:
        return rows


def between(real: Tensor, made: Tensor, *, seed: int = 0) -> Distance:
    """Both distances between two sets of feature rows N×d."""
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.kid import KernelInceptionDistance

    given = PrecomputedFeatures(real.shape[1])
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # torchmetrics warns that it keeps features: a few thousand rows here
        torch.manual_seed(seed)  # the kernel distance draws its subsets from the global generator
        frechet = FrechetInceptionDistance(feature=given)
        kernel = KernelInceptionDistance(
            feature=given, subsets=SUBSETS, subset_size=max(2, min(len(real), len(made)) // 2)
        )
        for metric in (frechet, kernel):
            metric.update(real, real=True)
            metric.update(made, real=False)
        mean, deviation = kernel.compute()
        return Distance(max(0.0, float(frechet.compute())), float(mean), float(deviation))
