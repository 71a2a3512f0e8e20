"""Distillation of a guided teacher into a student that needs one evaluation a step, and few steps.

The student learns one guidance scale, or a range of them through a guidance embedding (arXiv 2210.03142): then each
sample of each step draws a scale of its own, and student, average and teacher all work at it.

The teacher is the generator that training began with, guided, in every phase: it is read from its artifact, so
checkpoints hold the student and its moving average alone. Departure: the teacher of Hyper-SD (arXiv 2404.13686) is the
guidance-distilled network, which would cost one evaluation less and carry its error into every later phase.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from seedream_core import randomness
from seedream_core.distillers import Distiller, DistillStep
from seedream_core.flow.shift import alpha
from seedream_core.flow.solvers.euler import Euler
from seedream_core.flow.velocity import VelocityFunction, velocity_function
from seedream_core.models.conditions import Conditions
from seedream_core.models.text.llm import FrozenFeatures
from seedream_core.pipeline import generator
from seedream_core.pipeline.generator import Pipeline
from seedream_core.pipeline.sampler import picture_noise, time_grid, to_pixels
from seedream_core.records import Batch
from seedream_core.training.objective import Objective
from seedream_core.workflow.host import Train

SAMPLE_STEPS = (4, 2)


class DistillModule(Objective):
    """Owns the student and its moving average; which phase a step belongs to follows from the step alone."""

    def __init__(
        self,
        teacher: Pipeline,
        *,
        train: Train,
        phases: Sequence[Distiller],
        guidance: float,
        scales: tuple[float, float] | None = None,
        prompts: Sequence[str],
        average: float = 0.95,
    ) -> None:
        super().__init__()
        self.train_config, self.phases = train, tuple(phases)
        self.guidance, self.scales = guidance, scales
        self.decay, self.prompts = average, list(prompts)
        student, self.config = copy.deepcopy(teacher.network), teacher.config
        if scales:
            student, self.config = generator.with_guidance_embedding(student, self.config, True)
        self.student = student.requires_grad_(True).train()
        self.average = copy.deepcopy(student).requires_grad_(False).eval()
        # Inside a list a module is not registered: what is frozen stays out of checkpoints and averages.
        self._teacher = [teacher]
        self.features = FrozenFeatures(teacher.text)
        teacher.network.requires_grad_(False)

    @property
    def teacher(self) -> Pipeline:
        return self._teacher[0]

    def phase(self, step: int) -> Distiller:
        """The phase of a step: phases share the training steps out by their shares, in order."""
        whole, ended = sum(phase.share for phase in self.phases), 0
        for phase in self.phases:
            ended += phase.share
            if step * whole < ended * self.train_config.steps:
                return phase
        return self.phases[-1]

    def training_step(self, batch: Batch, index: int) -> dict:
        return {"loss": self.phase(batch.step).student_loss(self.prepare(batch))}

    def prepare(self, batch: Batch) -> DistillStep:
        """The batch with noise, draws and the three velocity functions, each closed over the captions."""
        self.teacher.network.to(self.device)
        seed, shape = self.train_config.seed, batch.latents.shape[1:]
        noise = randomness.normal(seed, batch.keys, batch.step, shape)
        draws = torch.stack([randomness.uniform(seed, batch.keys, batch.step, f"draw {i}") for i in range(3)])
        text, null = self.encode(batch.captions), self.encode([""])
        scale = self.guidance if self.scales is None else self.draw_scales(batch)
        conditions = text if self.scales is None else text.at(scale)
        return DistillStep(
            latents=batch.latents,
            noise=self.send(noise),
            draws=self.send(draws),
            shift=self.shift(shape),
            mask=batch.mask,
            student=velocity_function(self.student, conditions),
            average=torch.no_grad()(velocity_function(self.average, conditions)),
            teacher=torch.no_grad()(self.guided(text, null, scale)),
        )

    def guided(self, text: Conditions, null: Conditions, scale: float | Tensor) -> VelocityFunction:
        return velocity_function(self.teacher.network, text, null=null, scale=scale)

    def draw_scales(self, batch: Batch) -> Tensor:
        """A guidance scale for each sample, spread evenly over the range."""
        lowest, highest = self.scales
        uniform = randomness.uniform(self.train_config.seed, batch.keys, batch.step, "guidance")
        return self.send(lowest + (highest - lowest) * uniform)

    def encode(self, captions: list[str]) -> Conditions:
        return Conditions(*map(self.send, self.features.to(self.device)(captions)))

    def shift(self, shape: Sequence[int]) -> float:
        """Of the sampler's time grid for latents of this shape."""
        spec = self.teacher.spec
        return spec.shift * alpha(self.teacher.config.latent_tokens(shape), spec.base_tokens)

    def optimizer_step(self, *args: object, **options: object) -> None:
        super().optimizer_step(*args, **options)
        # Here and not at the batch's end, where a checkpoint would come before it.
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.student.parameters()), 1 - self.decay)

    def samples(self) -> Tensor:
        """Rows: the teacher with guidance, then the student at 4 and at 2 evaluations; one prompt per column."""
        spec, autoencoder = self.teacher.spec, self.teacher.autoencoder.to(self.device)
        factor = autoencoder.config.factor
        shape = (self.student.channels, spec.height // factor, spec.width // factor)
        noise = torch.stack([picture_noise(1000 + i, shape) for i in range(len(self.prompts))]).to(self.device)
        text, null = self.encode(self.prompts), self.encode([""])
        conditions = text if self.scales is None else text.at(self.guidance)
        shown = [(self.guided(text, null, self.guidance), spec.steps)]
        shown += [(velocity_function(self.student, conditions), steps) for steps in SAMPLE_STEPS]
        rows = []
        for velocity, steps in shown:
            latents = Euler()(velocity, noise, time_grid(steps, self.shift(shape))).end
            pixels = torch.from_numpy(to_pixels(autoencoder.decode(autoencoder.denormalise(latents))))
            rows.append(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1)
        return torch.stack(rows)
