"""Pre-training of a velocity network, an MM-DiT by default, by flow matching on latents (Seedream 2.0 and 3.0)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge

from seedream_core.data.loading.caption_mix import CaptionMix
from seedream_core.flow.timesteps import Timesteps
from seedream_core.losses import Loss, check
from seedream_core.models.autoencoder import check_latents
from seedream_core.models.dit import DitConfig
from seedream_core.workflow import stage
from seedream_core.workflow.config import dump
from seedream_core.workflow.host import Host, Train

PROMPTS = (
    "an orange star on a white background",
    "灰色背景上有三个紫色十字",
    "a blue heart above a cyan circle on a beige background",
    "粉色背景上，绿色正方形在黑色三角形的左边",
)
PLANNED_TEXT_TOKENS = 32


@dataclass(frozen=True, kw_only=True)
class MmditStage(stage.Stage):
    makes: ClassVar[str] = "generator"
    distributed: ClassVar[bool] = True
    data: stage.Latents
    "what to learn from"
    vae: stage.Autoencoder
    "the autoencoder that made the latents"
    text: stage.TextEncoder
    "what reads the captions"
    # In the quickstart, one seed each, both whitened: frozen 264, tuned 237 of 300 prompts right, in 806 against 984 s.
    text_mode: Literal["frozen", "tuned"] = "frozen"
    "whether the text encoder learns with the network; if so, the tuned one is part of this artifact"
    net: DitConfig
    "the network; options without a name are those of an MM-DiT"
    timesteps: Timesteps = field(default_factory=lambda: Timesteps.find("logit_normal")())
    "distribution of training times"
    losses: tuple[Loss, ...] = field(default_factory=lambda: (Loss.find("flow_matching")(),))
    "terms that are added up, each times its weight"
    captions: CaptionMix = CaptionMix()
    "which caption a picture shows at a step"
    train: Train
    "how long and how hard"
    prompts: tuple[str, ...] = PROMPTS
    "a row each in the sample grids"
    guidance: Annotated[float, Ge(0)] = 3.0
    "guidance scale that this generator draws with by default"
    sampling_steps: Annotated[int, Ge(1)] = 50
    "solver steps that this generator draws with by default"
    format: Literal["bf16", "f32"] = "bf16"
    "how the weights are stored"

    def __post_init__(self) -> None:
        check(self.losses, depth=self.net.depth)

    def facts(self, inputs: Mapping[str, Any]) -> dict:
        data, vae, text = inputs["data"], inputs["vae"], inputs["text"]
        check_latents(data, "vae", vae)
        longest = self.net.longest_text
        if longest is not None and text["max_tokens"] > longest:
            raise ValueError(
                f"net.text_positions: {longest} are too few for the text encoder's {text['max_tokens']} tokens"
            )
        if self.net.guidance_embedding:
            raise ValueError("net.guidance_embedding: only distill/student trains it; leave it out here")
        tokens = self.net.image_tokens(data["width"], data["height"], data["factor"])
        text_tokens = min(text["max_tokens"], data.get("caption_tokens", PLANNED_TEXT_TOKENS))
        flops = self.net.flops(tokens, text_tokens, channels=data["channels"], text_width=text["width"])
        images = self.train.steps * self.train.global_batch
        held_out = {"held_out": data["held_out"]} if "held_out" in data else {}
        return {
            **held_out,
            "network": self.net.name(),
            "net": dump(self.net),
            "text_width": text["width"],
            "steps": self.sampling_steps,
            "guidance": self.guidance,
            "parameters": self.net.parameters(channels=data["channels"], text_width=text["width"]),
            "image_tokens": tokens,
            "text_tokens": text_tokens,
            "flops_per_image_evaluation": flops,
            "channels": data["channels"],
            "factor": data["factor"],
            "width": data["width"],
            "height": data["height"],
            "format": self.format,
            "guidance_distilled": False,
            "images": images,
            "flops": 3 * flops * images,
        }

    def expected_seconds(self, inputs: Mapping[str, Any], host: Host) -> float:
        from seedream_core.training import rehearsal

        facts = self.facts(inputs)
        return facts["images"] * rehearsal.velocity_to_learn(facts, self.train, host)

    def run(self, out: Path, host: Host) -> dict:
        import torch

        from seedream_core.data.loading.batches import latent_batches
        from seedream_core.data.loading.texts import distinct
        from seedream_core.generate import vocabulary
        from seedream_core.models.text.llm import LlmEncoder
        from seedream_core.objectives.flow import train_generator
        from seedream_core.pipeline import generator
        from seedream_core.workflow import artifact

        facts = artifact.read(self.data, "latents").facts
        text = LlmEncoder.load(self.text / "network")
        torch.manual_seed(self.train.seed)  # the only stream: it draws the first weights, before any step
        network = self.net.build(channels=facts["channels"], text_width=text.width)
        tokens = self.net.image_tokens(facts["width"], facts["height"], facts["factor"])
        spec = generator.GeneratorSpec(
            format=self.format,
            autoencoder=generator.part(self.vae, out),
            text=generator.part(self.text, out),
            guidance=self.guidance,
            steps=self.sampling_steps,
            width=facts["width"],
            height=facts["height"],
            base_tokens=getattr(self.timesteps, "base_tokens", tokens),
            shift=getattr(self.timesteps, "shift", 1.0),
        )
        start = generator.Pipeline(network, generator.load_autoencoder(self.vae), text, spec, self.net)
        batches = latent_batches(self.data, train=self.train, captions=self.captions, host=host)
        metrics = train_generator(
            start,
            batches,
            out,
            host,
            train=self.train,
            timesteps=self.timesteps,
            losses=self.losses,
            text_mode=self.text_mode,
            prompts=self.prompts,
        )
        vocabulary.write(vocabulary.build(distinct(self.data)), out)
        return metrics
