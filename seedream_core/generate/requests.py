"""From requests to pictures: each drawn alone, so that it is the same whatever is asked for beside it."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from seedream_core.flow.guidance import GuidanceRule
from seedream_core.generate.metadata import PLAIN, Request
from seedream_core.generate.prompts import Line

if TYPE_CHECKING:
    import numpy

    from seedream_core.pipeline.sampler import Sampler


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


def pictures(sampler: "Sampler", wanted: Sequence[Request]) -> "Iterator[tuple[Request, numpy.ndarray]]":
    """Each request with its H×W×3 bytes, in order."""
    for request in wanted:
        drawn = sampler.images(
            [request.prompt],
            [request.seed],
            width=request.width,
            height=request.height,
            steps=request.steps,
            guidance=request.guidance,
            guidance_rule=request.guidance_rule,
            solver=request.solver,
        )
        yield request, drawn[0]


def _first(*values):
    return next(value for value in values if value is not None)
