"""From requests to pictures: one at a time on a CPU, so that none depends on what is drawn beside it; a GPU draws
several at once.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from seedream_core.flow.guidance import GuidanceRule
from seedream_core.flow.solvers import Solver
from seedream_core.generate import sizes
from seedream_core.generate.metadata import PLAIN, Request
from seedream_core.generate.prompts import Line

if TYPE_CHECKING:
    import numpy

    from seedream_core.pipeline.sampler import Sampler

GPU_BATCH = 16
"""Pictures at once on a GPU: our choice, as one picture of 64 or 256 pixels leaves most of it idle."""


def requests(
    lines: Sequence[Line],
    spec,
    *,
    seed: int = 0,
    count: int = 1,
    size: tuple[int, int] | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    guidance_rule: GuidanceRule = PLAIN,
    solver: str = "euler",
) -> list[Request]:
    """`count` pictures of every line; the picture at index i has seed `seed` + i, so no two share their noise.

    A line's own seed, size, steps and guidance come first, then the given ones, then the model's (`spec`).
    """
    made = []
    for line in lines:
        width, height = line.size or size or (spec.width, spec.height)
        for copy in range(count):
            made.append(
                Request(
                    prompt=line.prompt,
                    seed=seed + len(made) if line.seed is None else line.seed + copy,
                    width=width,
                    height=height,
                    steps=_first(line.steps, steps, spec.steps),
                    guidance=float(_first(line.guidance, guidance, spec.guidance)),
                    guidance_rule=guidance_rule,
                    solver=solver,
                )
            )
    return made


class Settings(Protocol):
    """How pictures are drawn; None leaves it to the model."""

    steps: int | None
    guidance: float | None
    guidance_rule: GuidanceRule | None
    solver: Solver | None


def evaluations(facts: Mapping[str, Any], settings: Settings) -> int:
    """Evaluations of the network for one picture of a generator that may not exist yet, from its facts."""
    from seedream_core.flow.velocity import count_evaluations
    from seedream_core.pipeline.sampler import time_grid

    scale = 1.0 if facts["guidance_distilled"] else _first(settings.guidance, facts["guidance"])
    grid = time_grid(_first(settings.steps, facts["steps"]), 1.0)
    return count_evaluations(settings.solver or Solver.read("euler"), grid, scale, settings.guidance_rule or PLAIN)


def default_batch(device: str) -> int:
    """Pictures drawn at once. On a CPU one: then a seed's picture is the same bytes in any company, and with more it is
    not (see `Sampler.images`).
    """
    return 1 if device == "cpu" else GPU_BATCH


def batches(wanted: Sequence[Request], batch: int) -> Iterator[list[Request]]:
    """Up to `batch` neighbours of the same settings at a time, in order."""
    for _, alike in itertools.groupby(wanted, key=lambda request: request.settings):
        rest = list(alike)
        while rest:
            rows, rest = rest[:batch], rest[batch:]
            yield rows


def draw(sampler: "Sampler", rows: Sequence[Request]) -> "numpy.ndarray":
    """One batch of requests with the same settings: uint8, B×H×W×3."""
    first = rows[0]
    return sampler.images(
        [request.prompt for request in rows],
        [request.seed for request in rows],
        width=first.width,
        height=first.height,
        steps=first.steps,
        guidance=first.guidance,
        guidance_rule=first.guidance_rule,
        solver=first.solver,
        batch=len(rows),
    )


def pictures(
    sampler: "Sampler", wanted: Sequence[Request], batch: int | None = None
) -> "Iterator[tuple[Request, numpy.ndarray]]":
    """Each request with its H×W×3 bytes, in order; up to `batch` neighbours of the same settings are drawn at once.

    UserError where memory does not allow a size, before the first is drawn.
    """
    batch = batch or default_batch(sampler.device)
    sizes.check(sampler, wanted, min(batch, len(wanted)))
    for rows in batches(wanted, batch):
        yield from zip(rows, draw(sampler, rows), strict=True)


def _first(*values):
    return next(value for value in values if value is not None)
