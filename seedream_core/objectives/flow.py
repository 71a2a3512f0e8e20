"""Flow matching on latents with text: the objective of pre-training, continued training and fine-tuning.

Noise and times are drawn from (seed, key, step), so that a sample sees the same ones on one rank or eight.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from seedream_core import randomness
from seedream_core.data.loading import latents
from seedream_core.data.loading.batches import Batches
from seedream_core.errors import UserError
from seedream_core.flow.path import interpolate, target
from seedream_core.flow.timesteps import Timesteps
from seedream_core.flow.velocity import predict
from seedream_core.losses import Loss, check
from seedream_core.losses.flow_matching import FlowMatchingLoss
from seedream_core.models.conditions import Conditions
from seedream_core.models.text.feature_cache import FeatureCache
from seedream_core.models.text.llm import FrozenFeatures, LlmEncoder
from seedream_core.pipeline import generator
from seedream_core.pipeline.generator import Pipeline
from seedream_core.pipeline.sampler import Sampler
from seedream_core.records import Batch, FlowStep
from seedream_core.training.fit import fit
from seedream_core.training.objective import Objective
from seedream_core.workflow import artifact
from seedream_core.workflow.host import Host, Train

SAMPLE_STEPS = 20
TextMode = Literal["frozen", "tuned"]


class FlowModule(Objective):
    """Owns the network, and the text encoder where that is tuned with it; the autoencoder only draws samples."""

    def __init__(
        self,
        start: Pipeline,
        *,
        train: Train,
        timesteps: Timesteps,
        losses: Sequence[Loss] = (FlowMatchingLoss(),),
        text_mode: TextMode = "frozen",
        prompts: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.start, self.train_config, self.timesteps, self.prompts = start, train, timesteps, list(prompts)
        self.losses = tuple(losses)
        self.network = start.network.requires_grad_(True).train()
        # What is frozen stays out of the module's state: checkpoints and averages hold what is trained.
        self.text = start.text.tune() if text_mode == "tuned" else None
        self.features = FrozenFeatures(start.text) if self.text is None else None

    def encode(self, captions: list[str]) -> Conditions:
        """The captions as conditions, on the module's device."""
        if self.text is None:
            return Conditions(*map(self.send, self.features.to(self.device)(captions)))
        ids, mask = map(self.send, self.text.tokenize(captions))
        return Conditions(self.text(ids, mask), mask)

    def training_step(self, batch: Batch, index: int) -> dict:
        step = self.predict(batch)
        terms = {loss.name(): loss.weight * loss(step) for loss in self.losses}
        return {"loss": sum(terms.values()), "figures": terms if len(terms) > 1 else {}}

    def predict(self, batch: Batch) -> FlowStep:
        """The network's velocity for a batch at its own noise and times."""
        noise, t = map(self.send, self.draw(batch))
        noisy = interpolate(batch.latents, noise, t)
        reads = any(loss.reads_layer for loss in self.losses)
        found = predict(self.network, noisy, t, self.encode(batch.captions), hidden=reads)
        return FlowStep(
            latents=batch.latents,
            noise=noise,
            t=t,
            noisy=noisy,
            velocity=found.velocity,
            target=target(batch.latents, noise),
            hidden=found.hidden,
            mask=batch.mask,
        )

    def draw(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Noise and times of a batch."""
        seed, shape = self.train_config.seed, batch.latents.shape[1:]
        noise = randomness.normal(seed, batch.keys, batch.step, shape)
        uniform = randomness.uniform(seed, batch.keys, batch.step, "time")
        return noise, self.timesteps(uniform, self.start.config.latent_tokens(shape))

    def samples(self) -> Tensor:
        """A row of pictures per prompt, from the same noise each time."""
        columns = 4
        trained = [p for p in self.parameters() if p.requires_grad]
        sampler = Sampler(self.start, bf16=torch.is_autocast_enabled(self.device.type), device=str(self.device))
        try:
            seeds = [1000 + column for column in range(columns)] * len(self.prompts)
            prompts = [prompt for prompt in self.prompts for _ in range(columns)]
            pictures = torch.from_numpy(sampler.images(prompts, seeds, steps=SAMPLE_STEPS))
        finally:
            for parameter in trained:  # the sampler froze them
                parameter.requires_grad_(True)
        pictures = pictures.permute(0, 3, 1, 2).float() / 127.5 - 1
        return pictures.unflatten(0, (len(self.prompts), columns))


def train_generator(
    start: Pipeline,
    batches: Batches,
    out: Path,
    host: Host,
    *,
    train: Train,
    timesteps: Timesteps,
    losses: Sequence[Loss],
    text_mode: TextMode,
    prompts: Sequence[str],
) -> dict:
    """Train a generator from `start` and write it under `out`: what pre-training and fine-tuning stages share."""
    latents.check_made_by(batches.store.data, start.spec.autoencoder.digest)
    try:
        check(losses, depth=start.config.depth, batch=batches.samples_at_once)
    except ValueError as error:
        raise UserError(str(error)) from None
    module = FlowModule(start, train=train, timesteps=timesteps, losses=losses, text_mode=text_mode, prompts=prompts)
    if module.features:
        module.features.keep_on_disk(FeatureCache(out / artifact.SCRATCH / "text", start.spec.text.digest))
    first = batches.batch(0)
    # as many as a step's longest caption has: the others are padded to it
    text_tokens = start.text.tokenize(first.captions)[1].shape[1]
    image_tokens = int(start.config.latent_tokens(first.latents.shape))
    flops = start.config.flops(image_tokens, text_tokens, channels=first.latents.shape[1], text_width=start.text.width)
    module.flops_per_image = flops
    fitted = fit(module, batches, train, host, out)
    spec = start.spec
    if text_mode == "tuned":
        spec = replace(spec, text=write_text(start.text, out))
    generator.write(out, module.network, start.config, spec)
    return {
        **fitted.metrics(),
        "facts": {
            "text_tokens": text_tokens,
            "flops_per_image_evaluation": flops,
            "flops": 3 * flops * train.steps * train.global_batch,
        },
    }


def write_text(text: LlmEncoder, out: Path) -> generator.Part:
    """A tuned text encoder inside its generator's folder: a small artifact of its own, so that others may adopt it."""
    folder = out / "text"
    text.model.to(torch.bfloat16)
    text.save(folder / "network")
    artifact.finish(
        folder,
        kind="text_encoder",
        stage="pretrain/text",
        fingerprint="",
        inputs={},
        facts=text_facts(text),
        metrics={},
        seconds=0.0,
    )
    return generator.part(folder, out)


def text_facts(text: LlmEncoder) -> dict:
    return {
        "width": text.width,
        "max_tokens": text.max_tokens,
        "vocabulary": text.tokenizer.get_vocab_size(),
        "parameters": sum(p.numel() for p in text.parameters()),
    }
