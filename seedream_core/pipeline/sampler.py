"""Draws pictures from prompts, without Lightning: one seed per picture."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy
import torch
from torch import Tensor

from seedream_core import processor, randomness
from seedream_core.errors import UserError
from seedream_core.flow.guidance import GuidanceRule, check_request
from seedream_core.flow.shift import alpha, shift
from seedream_core.flow.solvers import Solver
from seedream_core.flow.velocity import PLAIN, count_evaluations, velocity_function
from seedream_core.models.conditions import Conditions
from seedream_core.pipeline import generator
from seedream_core.pipeline.generator import Pipeline
from seedream_core.progress import Progress


class Sampler:
    """A generator with its defaults: `Sampler.load(folder).images(["a red circle on a white background"], [0])`."""

    def __init__(self, loaded: Pipeline, *, bf16: bool = False, device: str = "cpu") -> None:
        if bf16 and torch.device(device).type == "cpu":
            processor.require_bf16("sampler: precision")
        self.loaded, self.spec = loaded, loaded.spec
        self.device, self.bf16 = device, bf16
        for module in (loaded.network, loaded.autoencoder, loaded.text):
            module.to(device).eval().requires_grad_(False)

    @classmethod
    def load(cls, folder: Path, *, bf16: bool = False, device: str = "cpu") -> "Sampler":
        """Read an artifact of kind generator, quantised or not."""
        return cls(generator.load(Path(folder), sampling=True), bf16=bf16, device=device)

    def images(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        width: int | None = None,
        height: int | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        guidance_rule: GuidanceRule = PLAIN,
        solver: Solver | str = "euler",
        batch: int = 1,
        progress: Progress | None = None,
    ) -> numpy.ndarray:
        """One picture per prompt and seed: uint8, B x height x width x 3.

        A `batch` of more rounds otherwise, which quantised activations enlarge: of 200 prompts drawn by the packaged
        model in float32 (AVX2), 114 were the same bytes when drawn 2 at once, 26 when drawn 8 at once, and single
        pixels differed by up to 92/255.
        """
        parts = []
        for rows in _chunks(len(prompts), batch):
            latents = self.latents(
                prompts[rows],
                seeds[rows],
                width=width,
                height=height,
                steps=steps,
                guidance=guidance,
                guidance_rule=guidance_rule,
                solver=solver,
            )
            parts.append(self.decode(latents))
            if progress:
                progress.advance(len(latents))
        return numpy.concatenate(parts)

    @torch.inference_mode()
    def latents(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        width: int | None = None,
        height: int | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        guidance_rule: GuidanceRule = PLAIN,
        solver: Solver | str = "euler",
    ) -> Tensor:
        """Normalised latents, B x C x h x w, float32."""
        shape = self._shape(width or self.spec.width, height or self.spec.height)
        steps = steps or self.spec.steps
        scale = self.spec.guidance if guidance is None else guidance
        try:
            check_request(
                scale,
                guidance_rule,
                distilled=self.spec.guidance_distilled,
                scales=self.spec.guidance_scales,
            )
        except ValueError as problem:
            raise UserError(str(problem), fix="leave it out") from None
        noise = torch.stack([picture_noise(seed, shape) for seed in seeds]).to(self.device)
        method = Solver.read(solver) if isinstance(solver, str) else solver
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.bf16):
            text = self._encode(list(prompts))
            if self.spec.guidance_scales:
                text, scale = text.at(scale), 1.0
            null = None if scale == 1 else self._encode([""])
            velocity = velocity_function(self.loaded.network, text, null=null, scale=scale, rule=guidance_rule)
            return method(velocity, noise, self.grid(steps, shape), self._step_noise(seeds, shape)).end

    @torch.inference_mode()
    def decode(self, latents: Tensor) -> numpy.ndarray:
        """Normalised latents -> uint8 pictures, B x H x W x 3."""
        autoencoder = self.loaded.autoencoder
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.bf16):
            images = autoencoder.decode(autoencoder.denormalise(latents))
        return to_pixels(images)

    def evaluations(
        self, width: int, height: int, *, steps: int, guidance: float, guidance_rule: GuidanceRule, solver: Solver | str
    ) -> int:
        """How often the network is evaluated for one picture with these settings."""
        grid = self.grid(steps, self._shape(width, height))
        scale = 1.0 if self.spec.guidance_scales else guidance
        method = Solver.read(solver) if isinstance(solver, str) else solver
        return count_evaluations(method, grid, scale, guidance_rule)

    def grid(self, steps: int, shape: tuple[int, int, int]) -> Tensor:
        """steps + 1 times from 1 to 0, shifted for that latent shape (Seedream 3.0: by the asked size)."""
        tokens = self.loaded.config.latent_tokens(shape)
        return time_grid(steps, self.spec.shift * alpha(tokens, self.spec.base_tokens))

    def _shape(self, width: int, height: int) -> tuple[int, int, int]:
        factor = self.loaded.autoencoder.config.factor
        try:
            self.loaded.config.image_tokens(width, height, factor)
        except ValueError as problem:
            raise UserError(f"size {width}x{height}: {problem}") from None
        return self.loaded.network.channels, height // factor, width // factor

    def _step_noise(self, seeds: Sequence[int], shape: tuple[int, int, int]) -> Callable[[int], Tensor]:
        """What a stochastic solver draws at each step, from each picture's own seed."""
        return lambda step: torch.stack([picture_noise(seed, shape, step, "solver") for seed in seeds]).to(self.device)

    def _encode(self, prompts: list[str]) -> Conditions:
        ids, mask = self.loaded.text.tokenize(prompts)
        ids, mask = ids.to(self.device), mask.to(self.device)
        return Conditions(self.loaded.text(ids, mask), mask)


class Samplers:
    """Loads models by name; one at a time is in memory."""

    def __init__(self, models: Mapping[str, Path], bf16: bool) -> None:
        self.models, self.bf16 = models, bf16
        self.name, self.sampler = None, None

    def __call__(self, name: str, device: str) -> Sampler:
        if name != self.name:
            self.sampler = None  # its memory is free before the next one is loaded
            self.name, self.sampler = name, Sampler.load(self.models[name], bf16=self.bf16, device=device)
        return self.sampler


def time_grid(steps: int, shift_by: float) -> Tensor:
    """steps + 1 falling times from 1 to 0, shifted; the distilled student's segments end on these."""
    return shift(torch.linspace(1, 0, steps + 1), shift_by)


def picture_noise(seed: int, shape: tuple[int, int, int], step: int = 0, purpose: str = "noise") -> Tensor:
    """The noise that one picture begins with, or meets at a solver's step: C x h x w, from its own seed alone."""
    return torch.randn(shape, generator=randomness.generator(seed, "image", step, purpose))


def to_pixels(images: Tensor) -> numpy.ndarray:
    """B x 3 x H x W in [-1, 1] -> uint8 B x H x W x 3."""
    pixels = (images.float().clamp(-1, 1) + 1) * 127.5
    return pixels.round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def _chunks(count: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, count, size))
