"""A student that needs one evaluation a step and few steps: guidance distillation, then regression on the teacher's
trajectories.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Ge, Lt

from seedream_core.data.loading.caption_mix import CaptionMix
from seedream_core.distillers import Distiller
from seedream_core.models.autoencoder import check_latents
from seedream_core.workflow import artifact
from seedream_core.workflow.host import Host, Train
from seedream_core.workflow.stage import Latents, Stage, Trainable

SHOWN = 8
Scale = Annotated[float, Ge(1)]


def _phases() -> tuple[Distiller, ...]:
    regression = Distiller.find("trajectory_regression")
    return Distiller.find("guidance")(), regression(points=4, simulated=0.5, share=4)


@dataclass(frozen=True, kw_only=True)
class StudentStage(Stage):
    makes: ClassVar[str] = "generator"
    distributed: ClassVar[bool] = True
    version: ClassVar[int] = 4  # by default, starts inside a segment too
    model: Trainable
    """The teacher, and where the student begins."""
    data: Latents
    """Where on the teacher's trajectories the student learns; not at cells that a defect in the record spoils."""
    guidance: Scale | None = None
    """Guidance scale of the teacher; none for its own default."""
    guidance_scales: tuple[Scale, Scale] | None = None
    """Lowest and highest guidance scale that the student then takes, as `--guidance`; none for the one scale above."""
    phases: tuple[Distiller, ...] = field(default_factory=_phases)
    """What the student learns, one after another; each takes its share of the training steps."""
    average: Annotated[float, Ge(0), Lt(1)] = 0.95
    """Decay of the student's moving average, which simulates starts and makes targets of consistency."""
    steps: Annotated[int, Ge(1)] = 4
    """Evaluations per picture by default."""
    captions: CaptionMix = CaptionMix(dropout=0.0)
    """Which caption a picture shows at a step."""
    train: Train
    """How long and how hard."""

    def __post_init__(self) -> None:
        if not self.phases:
            raise ValueError("phases: at least one is needed")
        if self.guidance_scales and self.guidance is not None:
            raise ValueError("guidance_scales: the scales of the range are learned, not `guidance`; leave one out")
        if self.guidance_scales and self.guidance_scales[0] >= self.guidance_scales[1]:
            raise ValueError(f"guidance_scales: {self.guidance_scales[0]:g} is not below {self.guidance_scales[1]:g}")

    def facts(self, inputs: Mapping[str, dict]) -> dict:
        model, data = inputs["model"], inputs["data"]
        check_latents(data, "model", model)
        if model.get("guidance_scales"):
            raise ValueError("model: a student of several guidance scales; name the model that it was made from")
        images = self.train.steps * self.train.global_batch
        several = {"guidance_scales": list(self.guidance_scales)} if self.guidance_scales else {}
        return (
            model
            | several
            | {
                "guidance_distilled": True,
                "steps": self.steps,
                "guidance": 1.0,
                "format": "bf16",
                "images": images,
                "flops": images * self.evaluations() * model.get("flops_per_image_evaluation", 0),
            }
        )

    def expected_seconds(self, inputs: Mapping[str, dict], host: Host) -> float | None:
        from seedream_core.training import rehearsal

        facts = self.facts(inputs)
        if "net" not in facts:
            return None
        learning = rehearsal.velocity_to_learn(facts, self.train, host)
        # a guided teacher answers twice for each sample, in one batch
        answering = rehearsal.velocity_to_answer(facts, 2 * rehearsal.rows_at_once(self.train, host), host)
        return facts["images"] * (learning + (self.evaluations() - 3) * answering)

    def evaluations(self) -> float:
        """Forward passes of one network that a training image costs: the student counts three, a guided teacher two."""
        whole, guided = sum(phase.share for phase in self.phases), 1 if self.guidance == 1 else 2
        return (
            3
            + sum(phase.share * (guided * phase.evaluations[0] + phase.evaluations[1]) for phase in self.phases) / whole
        )

    def run(self, out: Path, host: Host) -> dict:
        from seedream_core.data.loading import latents
        from seedream_core.data.loading.batches import latent_batches
        from seedream_core.generate import vocabulary
        from seedream_core.models.text.feature_cache import FeatureCache
        from seedream_core.objectives.distill import DistillModule
        from seedream_core.pipeline import generator
        from seedream_core.training.fit import fit

        teacher = generator.load(self.model)
        latents.check_made_by(self.data, teacher.spec.autoencoder.digest)
        guidance = teacher.spec.guidance if self.guidance is None else self.guidance
        if self.guidance_scales:
            guidance = min(max(guidance, self.guidance_scales[0]), self.guidance_scales[1])
        batches = latent_batches(self.data, train=self.train, captions=self.captions, host=host)
        prompts = sorted(set(batches.batch(0).captions))[:SHOWN]
        module = DistillModule(
            teacher,
            train=self.train,
            phases=self.phases,
            guidance=guidance,
            scales=self.guidance_scales,
            average=self.average,
            prompts=prompts,
        )
        module.features.keep_on_disk(FeatureCache(out / artifact.SCRATCH / "text", teacher.spec.text.digest))
        module.flops_per_image = (
            artifact.read(self.model).facts.get("flops_per_image_evaluation", 0) * self.evaluations() / 3
        )
        fitted = fit(module, batches, self.train, host, out)
        spec = replace(
            generator.rebase(teacher.spec, self.model, out),
            format="bf16",
            guidance_distilled=True,
            guidance_scales=self.guidance_scales,
            guidance=guidance if self.guidance_scales else 1.0,
            steps=self.steps,
        )
        generator.write(out, module.student, module.config, spec)
        vocabulary.inherit(self.model, out)
        parameters = sum(parameter.numel() for parameter in module.student.parameters())
        return fitted.metrics() | {"guidance": guidance, "facts": {"parameters": parameters}}
