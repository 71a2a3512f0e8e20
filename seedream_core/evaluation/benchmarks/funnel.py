"""Benchmark of curation: the funnel, cheapest filters first, against computing every score of every picture.

The corpus is of JPEGs at 512 pixels, photo-like, of which a share survives; the others are ruled out by their record,
by their thumbnail, or only by their pixels, in the shares that `mix` gives.
"""

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Ge
from PIL import Image, ImageFilter

from seedream_core.data.curation.filters import Filter
from seedream_core.data.curation.funnel import FILTERS, Funnel, FunnelPlan
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers import Scorer
from seedream_core.errors import DataError
from seedream_core.evaluation.benchmarks import Benchmark, Comparison
from seedream_core.records import Sample

CHUNK = 32
Mix = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class FunnelBenchmark(Benchmark):
    samples: Annotated[int, Ge(20)] = 300
    """Pictures of each mix."""
    size: Annotated[int, Ge(64)] = 512
    """Pixels of their sides."""
    survive: float = 0.15
    """Share that is kept."""
    mixes: tuple[Mix, ...] = ((0.45, 0.35, 0.05), (0.25, 0.3, 0.3))
    """Shares ruled out by the record, by the thumbnail and by the pixels; the goal is asked of the first."""
    goal: float = 4.0

    def run(self, folder: Path) -> list[Comparison]:
        plan = FunnelPlan.of((), [Filter.find(name)() for name in FILTERS])
        found = []
        for number, mix in enumerate(self.mixes):
            corpus = [_sample(index, cause, self.size) for index, cause in enumerate(self._causes(mix))]
            first, second = _cheapest_first(plan, corpus), _everything(plan, corpus)
            if first != second or len(first) != round(self.survive * self.samples):
                raise DataError(
                    f"{len(first)} and {len(second)} of {self.samples} are kept, where {self.survive:.0%} should be, "
                    "the same ones"
                )
            shares = " / ".join(f"{share:.0%}" for share in mix)
            found.append(
                self.compare(
                    f"{self.samples} JPEGs of {self.size} pixels, {self.survive:.0%} survive, ruled out by record / "
                    f"thumbnail / pixels: {shares}",
                    self.samples,
                    lambda: _cheapest_first(plan, corpus),
                    lambda: _everything(plan, corpus),
                    None if number else self.goal,
                )
            )
        return found

    def _causes(self, mix: Mix) -> list[str]:
        counts = [round(share * self.samples) for share in mix]
        causes = [cause for cause, count in zip(("record", "thumbnail", "pixels"), counts) for _ in range(count)]
        causes += ["kept"] * (self.samples - len(causes))
        random.Random("causes").shuffle(causes)
        return causes


def _cheapest_first(plan: FunnelPlan, corpus: Sequence[tuple[Sample, dict[str, bytes]]]) -> list[str]:
    """Keys that stay, as curate finds them."""
    funnel, kept = Funnel(plan, {}), []
    for start in range(0, len(corpus), CHUNK):
        views = [LazySample(sample, members) for sample, members in corpus[start : start + CHUNK]]
        kept += [view.sample.key for view, ruling in zip(views, funnel(views)) if ruling.fate == "kept"]
    return kept


def _everything(plan: FunnelPlan, corpus: Sequence[tuple[Sample, dict[str, bytes]]]) -> list[str]:
    """Keys that stay where every picture is decoded, measured by every scorer and judged by every filter."""
    steps = [(step, step.start({}) if isinstance(step, Scorer) else step) for step in plan.steps]
    kept = []
    for sample, members in corpus:
        view = LazySample(sample, members)
        view.pixels
        verdicts = []
        for step, run in steps:
            if isinstance(step, Scorer):
                run([view])
            else:
                verdicts.append(run(view).keep)
        kept += [sample.key] * all(verdicts)
    return kept


def _sample(index: int, cause: str, size: int) -> tuple[Sample, dict[str, bytes]]:
    pixels = _picture(index, size)
    if cause == "thumbnail":
        pixels[:] = pixels[0, 0]
    elif cause == "pixels":
        pixels = np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(size / 32)))
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=90)
    captions = {} if cause == "record" else {"en": {"short": f"picture {index}"}}
    sample = Sample(key=f"k{index:06d}", width=size, height=size, captions=captions)
    return sample, {"jpg": data.getvalue(), "json": sample.to_json()}


def _picture(index: int, size: int) -> np.ndarray:
    """Noise whose strength falls with frequency as a photograph's does, under a few sharp-edged areas."""
    draw = np.random.default_rng([7, index])
    waves = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size), indexing="ij"))
    waves[0, 0] = 1
    planes = [np.fft.ifft2(np.fft.fft2(draw.standard_normal((size, size))) / waves**1.2).real for _ in range(3)]
    pixels = np.stack([128 + 45 * plane / plane.std() for plane in planes], -1)
    for _ in range(6):
        (top, left), (high, wide) = draw.integers(0, size, 2), draw.integers(size // 10, size // 3, 2)
        pixels[top : top + high, left : left + wide] += draw.integers(-90, 90, 3)
    return pixels.clip(0, 255).astype(np.uint8)
