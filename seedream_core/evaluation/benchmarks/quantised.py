"""Benchmark of W4A8 pictures: seconds each, against the same network with the same weights in float32 and in bf16."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Gt, MinLen

from seedream_core import processor
from seedream_core.errors import DataError, UserError
from seedream_core.evaluation.benchmarks import Benchmark, Comparison
from seedream_core.workflow.packaged import packaged

if TYPE_CHECKING:
    from seedream_core.pipeline.sampler import Sampler

SLOWEST = 1 / 1.1
"""Against float32, on any CPU: at most 1.1 times its seconds."""
FASTER = 1.1
"""Against bf16, on a CPU with int8 and bf16 instructions."""
NEAR = 5.0
"""Mean difference of two pictures, of 255: 0.1 to 0.7 by rounding of the activations, 29 to 116 by another prompt."""


@dataclass(frozen=True, kw_only=True)
class QuantisedBenchmark(Benchmark):
    model: Path = field(default_factory=packaged)
    """A generator in W4A8; the packaged one by default."""
    prompts: Annotated[tuple[str, ...], MinLen(1)] = (
        "a red circle on a white background",
        "three purple crosses on a gray background",
        "白色背景上有一个橙色五角星",
    )
    """What is drawn, each prompt as a picture of its own and then all as one batch."""
    batches: Annotated[int, Ge(2)] = 8
    """Pictures of the batch: prompts repeat."""
    near: Annotated[float, Gt(0)] = NEAR
    """Largest mean difference, of 255, of pictures that count as the same."""

    def run(self, folder: Path) -> list[Comparison]:
        from seedream_core.pipeline import generator
        from seedream_core.pipeline.sampler import Sampler
        from seedream_core.quant import w4a8

        ours = Sampler.load(self.model)
        if ours.spec.format != "w4a8":
            raise UserError(f"model: {self.model} is in {ours.spec.format}, not in w4a8", "name a quantised generator")

        def plain(**options: bool) -> Sampler:
            loaded = generator.load(self.model, sampling=True)
            w4a8.dequantise(loaded.network)
            return Sampler(loaded, **options)

        others = {"float32": (plain(), SLOWEST)}
        if processor.has_bf16():
            others["bf16"] = (plain(bf16=True), FASTER if processor.fast_int8() else None)
        found = []
        for name, (other, goal) in others.items():
            self._check(name, ours, other)
            one = f"one picture, W4A8 against {name}"
            found.append(self.compare(one, len(self.prompts), self._singly(ours), self._singly(other), goal))
            batch = f"batch of {self.batches}, W4A8 against {name}"
            found.append(self.compare(batch, self.batches, self._together(ours), self._together(other), goal))
        return found

    def _check(self, name: str, ours: "Sampler", other: "Sampler") -> None:
        for number, prompt in enumerate(self.prompts):
            first, second = (sampler.images([prompt], [number]).astype(float) for sampler in (ours, other))
            apart = abs(first - second).mean()
            if apart > self.near:
                raise DataError(
                    f"{prompt!r}: the pictures in W4A8 and in {name} differ by {apart:.1f} of 255 on average, "
                    f"more than {self.near:g}"
                )

    def _singly(self, sampler: "Sampler") -> Callable[[], object]:
        return lambda: [sampler.images([prompt], [number]) for number, prompt in enumerate(self.prompts)]

    def _together(self, sampler: "Sampler") -> Callable[[], object]:
        numbers = range(self.batches)
        prompts = [self.prompts[number % len(self.prompts)] for number in numbers]
        return lambda: sampler.images(prompts, list(numbers), batch=self.batches)
