"""The objective of an autoencoder that also learns to deceive a discriminator of patches."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from seedream_core.losses.adversarial import Adversarial, balance, discriminator_loss
from seedream_core.models.discriminator import PatchDiscriminator
from seedream_core.objectives.autoencoder import AutoencoderModule, psnr
from seedream_core.records import Batch
from seedream_core.training.optimizer import SkipNonFinite


class AdversarialAutoencoderModule(AutoencoderModule):
    """Two parts with an optimiser each: the autoencoder and, from step `adversarial.start` on, the discriminator."""

    helpers: ClassVar[tuple[str, ...]] = ("discriminator",)

    def __init__(self, *parts: Any, adversarial: Adversarial, **options: Any) -> None:
        super().__init__(*parts, **options)
        self.automatic_optimization = False
        self.adversarial = adversarial
        self.discriminator = PatchDiscriminator(adversarial.width, adversarial.layers)
        # 0 until there is a gradient to measure: in its first step the discriminator learns alone
        self.register_buffer("balance", torch.zeros(()))
        self._gradients: list[Tensor] = []

    def make_optimizers(self) -> dict[str, SkipNonFinite]:
        schedule = self.adversarial.schedule(self.train_config)
        return {
            "network": SkipNonFinite(self.network, self.train_config),
            "discriminator": SkipNonFinite(self.discriminator, schedule),
        }

    def training_step(self, batch: Batch, index: int) -> dict:
        reconstructed, loss = self.reconstruct(batch)
        figures = {"psnr": psnr(batch.images, reconstructed.detach()).mean(), "reconstruction": loss}
        none = torch.zeros_like(loss)
        if batch.step < self.adversarial.start:
            self.learn({"network": loss})
            return {"loss": loss, "figures": figures | {"adversarial": none, "discriminator": none, "balance": none}}
        adversarial = -self.discriminator(reconstructed).mean()
        verdicts = self.discriminator(batch.images), self.discriminator(reconstructed.detach())
        deceived = discriminator_loss(*verdicts)
        self.measure_balance(loss, adversarial)
        whole = loss + self.adversarial.weight * self.balance * adversarial
        figures |= {"adversarial": adversarial, "discriminator": deceived, "balance": self.balance.clone()}
        if self.learn({"network": whole, "discriminator": deceived}):
            self.average_over_ranks(self._gradients)
            self.balance.copy_(balance(*self._gradients))
            self._gradients = []
        return {"loss": whole, "figures": {name: value.detach() for name, value in figures.items()}}

    def measure_balance(self, loss: Tensor, adversarial: Tensor) -> None:
        """Add up the gradients of the two losses at the decoder's last layer over the micro-batches of a step."""
        last = self.network.output_weight
        found = [
            torch.autograd.grad(one / self.micro_batches, last, retain_graph=True)[0] for one in (loss, adversarial)
        ]
        self._gradients = [sum(pair) for pair in zip(self._gradients, found)] if self._gradients else found
