"""From requests to pictures: those with equal settings are drawn together, and handed over as each batch is done."""

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from seedream_core.generate.pictures import Request
from seedream_core.generate.prompts import Line

if TYPE_CHECKING:
    import numpy

    from seedream_core.flow.sampler import Sampler


def requests(lines: Sequence[Line], spec, *, seed: int = 0, count: int = 1, size: tuple[int, int] | None = None,
             steps: int | None = None, guidance: float | None = None, solver: str = "euler") -> list[Request]:
    """`count` pictures of every line; the picture at index i has seed `seed` + i, so no two share their noise.

    A line's own seed, size, steps and guidance come first, then the given ones, then the model's (`spec`).
    """
    made = []
    for line in lines:
        width, height = line.size or size or (spec.width, spec.height)
        for copy in range(count):
            made.append(Request(
                prompt=line.prompt, seed=seed + len(made) if line.seed is None else line.seed + copy,
                width=width, height=height, steps=_first(line.steps, steps, spec.steps),
                guidance=float(_first(line.guidance, guidance, spec.guidance)), solver=solver))
    return made


def pictures(sampler: "Sampler", wanted: Sequence[Request], *, batch: int = 16) -> "Iterator[tuple[Request, numpy.ndarray]]":
    """Each request with its H×W×3 bytes, in order."""
    for (width, height, steps, guidance, solver), alike in itertools.groupby(wanted, key=lambda request: request.settings):
        alike = list(alike)
        for first in range(0, len(alike), batch):
            some = alike[first:first + batch]
            drawn = sampler.images([request.prompt for request in some], [request.seed for request in some],
                                   width=width, height=height, steps=steps, guidance=guidance, solver=solver, batch=batch)
            yield from zip(some, drawn, strict=True)


def _first(*values):
    return next(value for value in values if value is not None)
