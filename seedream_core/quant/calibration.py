"""Calibration inputs for quantisation: noisy latents with captions, at the times that a sampler visits.

Noise and times come from (seed, key, round), so that a second run measures the same. Reads the shards itself: this
stage starts without Lightning, which `data/loading/batches.py` imports.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load as load_tensors
from torch import Tensor, nn

from seedream_core import randomness
from seedream_core.data.loading.caption_mix import CaptionMix
from seedream_core.data.storage.shards import ShardReader
from seedream_core.errors import UserError
from seedream_core.flow.path import interpolate
from seedream_core.flow.shift import alpha, shift
from seedream_core.flow.velocity import predict
from seedream_core.models.conditions import Conditions
from seedream_core.models.text.llm import FrozenFeatures
from seedream_core.pipeline.generator import Pipeline
from seedream_core.quant.sensitivity import Answer, relative_error

# a network's linear layers see padding too; texts of one length together leave little of it in the moments
ROWS = 16
# the sampler's grid of 8 steps holds those of 4, 2 and 1
GRID = 8

Inputs = tuple[Tensor, Tensor, Conditions]


class CalibrationData:
    """Latents of an artifact as questions to a velocity network; `kept_back` samples are for the exam alone."""

    def __init__(self, loaded: Pipeline, data: Path, captions: CaptionMix, seed: int, kept_back: int) -> None:
        self.loaded, self.captions, self.seed = loaded, captions, seed
        self.reader = ShardReader(data)
        if len(self.reader) < 2 * kept_back:
            raise UserError(
                f"{data}: {len(self.reader)} samples are too few to calibrate on {kept_back} and to be judged on "
                f"{kept_back} others",
                f"set samples to {len(self.reader) // 2} or less",
            )
        order = torch.randperm(
            len(self.reader), generator=randomness.generator(seed, "calibration", 0, "order")
        ).tolist()
        self.exam_rows, self.practice = order[:kept_back], order[kept_back:]
        statistics = json.loads((data / "normalisation.json").read_bytes())
        self.mean, self.std = (torch.tensor(statistics[name])[:, None, None] for name in ("mean", "std"))
        self.features = FrozenFeatures(loaded.text)

    def rows(self, number: int, count: int) -> list[int]:
        """The samples of round `number`: spread over the artifact, others in each round, none of the exam's."""
        return [self.practice[(number * count + i) % len(self.practice)] for i in range(count)]

    def exam(self, times: Sequence[float]) -> list[Inputs]:
        """The samples that were kept back, as `inputs`."""
        return self._inputs(self.exam_rows, 0, times)

    def inputs(self, number: int, count: int, times: Sequence[float] | None = None) -> list[Inputs]:
        """`count` samples of round `number` in batches of texts of like length, at `times` in turn, else at random grid
        times.
        """
        return self._inputs(self.rows(number, count), number, times)

    def _inputs(self, rows: list[int], number: int, times: Sequence[float] | None) -> list[Inputs]:
        keys = [self.reader.keys[row] for row in rows]
        members = [self.reader.read(row) for row in rows]
        latents = torch.stack([load_tensors(member["latent.safetensors"])["mean"].float() for member in members])
        latents = (latents - self.mean) / self.std
        texts = [
            self.captions.choose(json.loads(member["json"])["captions"], self.seed, key, number)
            for key, member in zip(keys, members)
        ]
        noise = randomness.normal(self.seed, keys, number, latents.shape[1:], "calibration")
        t = (
            torch.tensor([times[i % len(times)] for i in range(len(rows))])
            if times
            else self.grid_times(keys, number, latents)
        )
        z = interpolate(latents, noise, t)
        scales = self.guidance_scales(keys, number)
        lengths = self.features(texts)[1].sum(1)
        batches = []
        for part in lengths.argsort().split(ROWS):
            conditions = Conditions(*self.features([texts[i] for i in part]))
            batches.append((z[part], t[part], conditions if scales is None else conditions.at(scales[part])))
        return batches

    def guidance_scales(self, keys: list[str], number: int) -> Tensor | None:
        """A scale for each sample from the range of a network with a guidance embedding; None for one without."""
        if self.loaded.spec.guidance_scales is None:
            return None
        lowest, highest = self.loaded.spec.guidance_scales
        draws = [randomness.fraction(self.seed, key, number, "calibration guidance") for key in keys]
        return lowest + (highest - lowest) * torch.tensor(draws)

    def grid_times(self, keys: list[str], number: int, latents: Tensor) -> Tensor:
        spec, tokens = self.loaded.spec, self.loaded.config.latent_tokens(latents.shape)
        draws = [randomness.fraction(self.seed, key, number, "calibration time") for key in keys]
        index = torch.tensor([1 + int(draw * GRID) for draw in draws])
        return shift(index / GRID, spec.shift * alpha(tokens, spec.base_tokens))


def ask(batches: list[Inputs]) -> Answer:
    """All velocities that a network answers these batches with, in one tensor."""

    def answer(network: nn.Module) -> Tensor:
        return torch.cat([predict(network, *batch).velocity for batch in batches])

    return answer


@torch.no_grad()
def velocity_errors(
    network: nn.Module, original: nn.Module, questions: Mapping[float, list[Inputs]]
) -> dict[float, float]:
    """The velocity's relative error at each time."""
    return {t: relative_error(ask(batches)(network), ask(batches)(original)) for t, batches in questions.items()}
