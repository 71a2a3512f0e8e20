"""Supervised fine-tuning on a hand-picked subset: the cleanest pictures with the best captions (Seedream 2.0)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Gt, Le

from seedream_core.data.loading.caption_mix import CaptionMix
from seedream_core.errors import DataError
from seedream_core.flow.timesteps import Timesteps
from seedream_core.losses import Loss, check
from seedream_core.models.autoencoder import check_latents
from seedream_core.stages.pretrain.mmdit import PROMPTS
from seedream_core.workflow import stage
from seedream_core.workflow.config import Config
from seedream_core.workflow.host import Host, Train

if TYPE_CHECKING:
    from seedream_core.pipeline.generator import Pipeline


@dataclass(frozen=True, kw_only=True)
class Choice(Config):
    """Which samples are picked, by the scores in their records."""

    renamed: ClassVar[Mapping[str, str]] = {"least": "min_scores", "by": "score"}

    min_scores: dict[str, float] = field(default_factory=dict)
    """Score -> what a sample must reach in it; a sample without that score is not picked."""
    score: str | None = None
    """The score whose best samples are picked, of those that reach the least."""
    best: Annotated[float, Gt(0), Le(1)] = 1.0
    """Which share of them, the best first."""

    def __post_init__(self) -> None:
        if self.best < 1 and self.score is None:
            raise ValueError("best: name the score in `score`")

    @property
    def needed(self) -> frozenset[str]:
        """Scores that a picked sample must have; where there are none, every sample is picked."""
        return frozenset({*self.min_scores, *([self.score] if self.score else [])})

    def pick(self, scores: Iterable[Mapping[str, float]]) -> list[int]:
        """Positions of the picked samples, in the order of the data; scores are read once, and not kept."""
        reach: list[tuple[float, int]] = []
        known: set[str] = set()
        needed, count = self.needed, 0
        for given in scores:
            known.update(given)
            if needed <= given.keys() and all(given[name] >= low for name, low in self.min_scores.items()):
                reach.append((-given[self.score] if self.score else 0, count))
            count += 1
        if self.score:
            reach = sorted(reach)[: round(len(reach) * self.best)]
        if not reach:
            raise DataError(
                f"choose: none of {count} samples is picked; their scores are {', '.join(sorted(known)) or 'none'}",
                "ask for less",
            )
        return sorted(position for _, position in reach)


@dataclass(frozen=True, kw_only=True)
class SftStage(stage.Stage):
    makes: ClassVar[str] = "generator"
    distributed: ClassVar[bool] = True
    renamed: ClassVar[Mapping[str, str]] = {"relearn": "convert_to_base"}
    model: stage.Generator
    "where to start; `packaged` is the model that this package brings"
    convert_to_base: bool = False
    "tune a packed or distilled model as a plain flow again: it forgets its few steps, so distil it afterwards"
    data: stage.Latents
    "what to pick from"
    choose: Choice = Choice()
    "which samples are picked"
    captions: CaptionMix = CaptionMix(fields={"short": 1.0}, others=0.0)
    "which caption a picture shows at a step"
    text_mode: Literal["frozen", "tuned"] = "frozen"
    "whether the text encoder learns too"
    timesteps: Timesteps = field(default_factory=lambda: Timesteps.find("logit_normal")())
    "distribution of training times"
    losses: tuple[Loss, ...] = field(default_factory=lambda: (Loss.find("flow_matching")(),))
    "terms that are added up, each times its weight"
    train: Train
    "how long and how hard: a low rate, an average over a few hundred steps"
    prompts: tuple[str, ...] = PROMPTS
    "a row each in the sample grids"

    def __post_init__(self) -> None:
        check(self.losses)

    def facts(self, inputs: Mapping[str, Any]) -> dict:
        model, data = inputs["model"], inputs["data"]
        check_latents(data, "model", model)
        if not self.convert_to_base and (model.get("guidance_distilled") or model.get("format") == "w4a8"):
            what = "weights packed in w4a8" if model.get("format") == "w4a8" else "a guidance-distilled student"
            raise ValueError(
                f"model: {what} would unlearn that here; tune the model it was made from and distil again, or set "
                "convert_to_base: true"
            )
        images = self.train.steps * self.train.global_batch
        plain = _as_a_base() if self.convert_to_base else {}
        return {**model, **plain, "images": images, "flops": 3 * model["flops_per_image_evaluation"] * images}

    def expected_seconds(self, inputs: Mapping[str, Any], host: Host) -> float | None:
        from seedream_core.training import rehearsal

        facts = self.facts(inputs)
        return facts["images"] * rehearsal.velocity_to_learn(facts, self.train, host) if "net" in facts else None

    def run(self, out: Path, host: Host) -> dict:
        from dataclasses import replace

        from seedream_core.data.loading.batches import latent_batches
        from seedream_core.data.loading.texts import distinct
        from seedream_core.data.storage.shards import ShardReader
        from seedream_core.data.storage.stored_records import StoredRecords
        from seedream_core.generate import vocabulary
        from seedream_core.objectives.flow import train_generator
        from seedream_core.pipeline import generator

        picked = None
        if self.choose.needed:
            picked = self.choose.pick(sample.scores for sample in StoredRecords(ShardReader(self.data)))
        start = generator.load(self.model)
        start = replace(start, spec=generator.rebase(start.spec, self.model, out))
        if self.convert_to_base:
            start = _plain(start)
        batches = latent_batches(self.data, train=self.train, captions=self.captions, host=host, only=picked)
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
        vocabulary.inherit(self.model, out, distinct(self.data))
        return {**metrics, "picked": len(batches.store), "picked_of": len(batches.store.keys)}


def _plain(start: "Pipeline") -> "Pipeline":
    """The model in float weights, drawing as a base does: in many steps, with guidance."""
    from dataclasses import replace

    from seedream_core.pipeline.generator import with_guidance_embedding
    from seedream_core.quant.w4a8 import dequantise

    network, config = dequantise(start.network), start.config
    if config.guidance_embedding:
        network, config = with_guidance_embedding(network, config, False)
    return replace(start, network=network, config=config, spec=replace(start.spec, **_as_a_base()))


def _as_a_base() -> dict:
    """How a generator draws that nothing was distilled or packed in."""
    from seedream_core.pipeline.generator import GeneratorSpec

    names = ("guidance", "guidance_scales", "steps", "guidance_distilled", "format")
    return {field.name: field.default for field in fields(GeneratorSpec) if field.name in names}
