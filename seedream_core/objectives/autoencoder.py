"""The objective of a KL autoencoder: pictures through a noisy bottleneck and back."""

from collections.abc import Iterator

import torch
from torch import Tensor

from seedream_core import randomness
from seedream_core.data.loading.batches import Batches
from seedream_core.losses.reconstruction import Reconstruction
from seedream_core.models.autoencoder.latents import LatentModule
from seedream_core.records import Batch
from seedream_core.training.objective import Objective
from seedream_core.workflow.host import Train


class AutoencoderModule(Objective):
    """`shown` are held-out pictures (B×3×H×W in [-1, 1]) for the sample grids.

    With `latent_noise`, half of the samples reach the decoder with noise of up to that share of the latents' deviation
    over the batch, and the encoder does not learn from them: it would make louder latents (after RAE's noise-augmented
    decoding; the reports are silent). What is measured is a decoder trained on alone for 1,000 steps, noise on every
    sample: 126 instead of 122 of 180 pictures right from the same generated latents, 12 instead of 20 with stray ink.
    Trained together from the start it costs sharpness: 31.8 dB after 160,000 pictures, where 35.0 were reached without.
    """

    def __init__(
        self, network: LatentModule, *, train: Train, loss: Reconstruction, shown: Tensor, latent_noise: float = 0.0
    ) -> None:
        super().__init__()
        self.network, self.train_config, self.loss, self.shown = network, train, loss, shown
        self.latent_noise = latent_noise

    def training_step(self, batch: Batch, index: int) -> dict:
        reconstructed, loss = self.reconstruct(batch)
        return {"loss": loss, "figures": {"psnr": psnr(batch.images, reconstructed.detach()).mean()}}

    def reconstruct(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The batch's pictures after the bottleneck, and the reconstruction loss."""
        posterior = self.network.encode(batch.images)
        noise = randomness.normal(self.train_config.seed, batch.keys, batch.step, posterior.mean.shape[1:], "latent")
        latents = posterior.sample(self.send(noise))
        if self.latent_noise:
            latents = self.noisy(latents, batch)
        reconstructed = self.network.decode(latents)
        return reconstructed, self.loss(batch.images, reconstructed, posterior)

    def noisy(self, latents: Tensor, batch: Batch) -> Tensor:
        """Latents, with noise and cut off from the encoder in about half of the samples."""
        seed, shape = self.train_config.seed, latents.shape[1:]
        draws = self.send(randomness.uniform(seed, batch.keys, batch.step, "decoder noise level"))
        level = self.latent_noise * (2 * draws.view(-1, 1, 1, 1) - 1).clamp(min=0)
        noise = self.send(randomness.normal(seed, batch.keys, batch.step, shape, "decoder noise"))
        spread = latents.detach().std((0, 2, 3), keepdim=True)
        return torch.where(level > 0, latents.detach() + level * spread * noise, latents)

    def samples(self) -> Tensor:
        """Originals above their reconstructions."""
        shown = self.shown.to(self.device)
        return torch.stack([shown, self.network.decode(self.network.encode(shown).mean)])


def psnr(images: Tensor, reconstructed: Tensor) -> Tensor:
    """Decibels of each picture, B; values are in [-1, 1]."""
    error = (images - reconstructed.float().clamp(-1, 1)).square().flatten(1).mean(1)
    return 10 * torch.log10(4 / error.clamp_min(1e-10))


def pictures(batches: Batches, count: int) -> Iterator[Tensor]:
    """About `count` pictures of the data, each once, by whole batches."""
    size = min(count, len(batches))
    for step in range(-(-size // batches.train.global_batch)):
        yield batches.batch(step).images


@torch.no_grad()
def measure(network: LatentModule, batches: Batches, count: int) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each latent channel, the posterior's own spread included."""
    total, squares, cells = torch.zeros(()), torch.zeros(()), 0
    for images in pictures(batches, count):
        posterior = network.encode(images)
        mean, std = posterior.mean.double(), posterior.std.double()
        total = total + mean.sum((0, 2, 3))
        squares = squares + (mean.square() + std.square()).sum((0, 2, 3))
        cells += mean[:, 0].numel()
    mean = total / cells
    return mean.float(), (squares / cells - mean.square()).sqrt().float()


@torch.no_grad()
def quality(network: LatentModule, batches: Batches, count: int) -> dict[str, float]:
    """Mean PSNR of reconstructions from the posterior's mean, and how sharp they are.

    `sharpness` is the root mean square of the reconstructions' Laplacian over that of the pictures: below 1 for blurred
    reconstructions, above 1 for ones with noise or ringing.
    """
    decibels, contrast = [], torch.zeros(2, dtype=torch.float64)
    for images in pictures(batches, count):
        reconstructed = network.decode(network.encode(images).mean).float().clamp(-1, 1)
        decibels.append(psnr(images, reconstructed))
        contrast += torch.stack([laplacian(reconstructed), laplacian(images)]).square().double().sum((1, 2, 3, 4)).cpu()
    return {"psnr": float(torch.cat(decibels).mean()), "sharpness": float((contrast[0] / contrast[1]).sqrt())}


def laplacian(images: Tensor) -> Tensor:
    """Four times each inner pixel less its four neighbours."""
    inner = images[..., 1:-1, 1:-1]
    sides = images[..., :-2, 1:-1] + images[..., 2:, 1:-1] + images[..., 1:-1, :-2] + images[..., 1:-1, 2:]
    return 4 * inner - sides
