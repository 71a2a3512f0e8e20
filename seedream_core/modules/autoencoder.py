"""The objective of a KL autoencoder: pictures through a noisy bottleneck and back."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from seedream_core import randomness
from seedream_core.data.batches import Batches
from seedream_core.host import Train
from seedream_core.losses.reconstruction import Reconstruction
from seedream_core.models.autoencoder.latents import LatentModule
from seedream_core.modules.fit import Objective
from seedream_core.records import Batch


class AutoencoderModule(Objective):
    """`shown` are held-out pictures (B×3×H×W in [-1, 1]) for the sample grids."""

    def __init__(self, network: LatentModule, *, train: Train, loss: Reconstruction, shown: Tensor) -> None:
        super().__init__()
        self.network, self.train_config, self.loss, self.shown = network, train, loss, shown

    def training_step(self, batch: Batch, index: int) -> dict:
        posterior = self.network.encode(batch.images)
        noise = randomness.normal(self.train_config.seed, batch.keys, batch.step, posterior.mean.shape[1:], "latent")
        reconstructed = self.network.decode(posterior.sample(noise.to(self.device)))
        loss = self.loss(batch.images, reconstructed, posterior)
        return {"loss": loss, "figures": {"psnr": psnr(batch.images, reconstructed.detach()).mean()}}

    def samples(self) -> Tensor:
        """Originals above their reconstructions."""
        shown = self.shown.to(self.device)
        return torch.stack([shown, self.network.decode(self.network.encode(shown).mean)])


def psnr(images: Tensor, reconstructed: Tensor) -> Tensor:
    """Decibels of each picture, B; values are in [-1, 1]."""
    error = (images - reconstructed.float().clamp(-1, 1)).square().flatten(1).mean(1)
    return 10 * torch.log10(4 / error.clamp_min(1e-10))


def forward_flops(network: LatentModule, image: Tensor) -> int:
    """FLOPs of one picture to its latents and back."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.decode(network.encode(image).mean)
    return counter.get_total_flops()


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
def quality(network: LatentModule, batches: Batches, count: int) -> float:
    """Mean PSNR of reconstructions from the posterior's mean."""
    each = [psnr(images, network.decode(network.encode(images).mean)) for images in pictures(batches, count)]
    return float(torch.cat(each).mean())
