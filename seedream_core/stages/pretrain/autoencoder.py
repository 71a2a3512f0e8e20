"""Training of a KL autoencoder on pictures; its latents' mean and deviation are measured at the end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

from annotated_types import Ge

from seedream_core.losses.adversarial import Adversarial
from seedream_core.losses.reconstruction import Reconstruction
from seedream_core.models.autoencoder import AutoencoderConfig
from seedream_core.workflow import stage
from seedream_core.workflow.config import dump
from seedream_core.workflow.host import Host, Train

MEASURED = 2000
SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class AutoencoderStage(stage.Stage):
    makes: ClassVar[str] = "autoencoder"
    distributed: ClassVar[bool] = True
    data: stage.Shards
    "pictures to learn from"
    validation: stage.Shards | None = None
    "pictures that are not learned from, for the reported PSNR; none for a look at `data` itself"
    net: AutoencoderConfig = field(default_factory=lambda: AutoencoderConfig.find("conv")())
    "the architecture"
    loss: Reconstruction = Reconstruction()
    "what it is held to"
    adversarial: Adversarial | None = None
    "a discriminator of patches that the decoder learns to deceive: sharper, at a lower PSNR; none to learn without it"
    latent_noise: Annotated[float, Ge(0)] = 0.0
    "most noise on latents that the decoder learns from, as a share of their deviation: it then forgives a generator"
    train: Train
    "how long and how hard"

    def __post_init__(self) -> None:
        if self.adversarial and self.adversarial.start >= self.train.steps:
            raise ValueError(f"adversarial.start: {self.adversarial.start} is not below train.steps {self.train.steps}")

    def facts(self, inputs: Mapping[str, Any]) -> dict:
        import torch

        size = stage.one_size(inputs["data"])
        for name, pixels in size.items():
            if pixels % self.net.factor:
                raise ValueError(f"net.factor: pictures of {name} {pixels} do not divide by {self.net.factor}")
        with torch.device("meta"):
            parameters = sum(p.numel() for p in self.net.build().parameters())
        images = self.train.steps * self.train.global_batch
        return {
            "factor": self.net.factor,
            "channels": self.net.channels,
            "net": dump(self.net),
            "parameters": parameters,
            "images": images,
            "flops": 3 * self.flops_per_image(**size) * images,
            **size,
        }

    def flops_per_image(self, width: int, height: int) -> float:
        """A third of the FLOPs that a training picture costs."""
        added = self.adversarial.flops(self.train, width, height) if self.adversarial else 0
        return self.net.flops(width, height) + added

    def expected_seconds(self, inputs: Mapping[str, Any], host: Host) -> float:
        from seedream_core.training import rehearsal

        size = stage.one_size(inputs["data"])
        alone = rehearsal.autoencoder_to_learn(self.net, **size, train=self.train, host=host)
        added = self.flops_per_image(**size) / self.net.flops(**size)
        return self.train.steps * self.train.global_batch * alone * added

    def run(self, out: Path, host: Host) -> dict:
        import torch

        from seedream_core.data.loading.batches import picture_batches
        from seedream_core.models import network
        from seedream_core.objectives.adversarial_autoencoder import AdversarialAutoencoderModule
        from seedream_core.objectives.autoencoder import AutoencoderModule, measure, quality
        from seedream_core.pipeline import generator
        from seedream_core.training.fit import fit

        torch.manual_seed(self.train.seed)  # the only stream: it draws the first weights, before any step
        batches = picture_batches(self.data, train=self.train, host=host)
        judged = picture_batches(self.validation, train=self.train, host=host) if self.validation else batches
        shown = judged.batch(0).images[:SHOWN]
        options = {"train": self.train, "loss": self.loss, "shown": shown, "latent_noise": self.latent_noise}
        if self.adversarial is None:
            module = AutoencoderModule(self.net.build(), **options)
        else:
            module = AdversarialAutoencoderModule(self.net.build(), adversarial=self.adversarial, **options)
        height, width = shown.shape[-2:]
        module.flops_per_image = self.flops_per_image(width, height)
        fitted = fit(module, batches, self.train, host, out)
        # Measured on the weights as they are stored, which is what every later stage will use.
        module.network.to(torch.bfloat16).float()
        mean, std = measure(module.network, batches, MEASURED)
        module.network.set_statistics(mean, std)
        network.save(out / "network", self.net, module.network.state_dict(), dtype=torch.bfloat16)
        measured = quality(generator.load_autoencoder(out), judged, MEASURED)
        return {**fitted.metrics(), **measured, "psnr_unseen": self.validation is not None}
