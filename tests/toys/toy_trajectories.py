"""A teacher whose ODE has a known solution, and students and batches for distillers by trajectory segments."""

import torch

from seedream_core.distillers import DistillStep
from seedream_core.flow.path import expand

RATE = 1.3
SHIFT = 1.5


def field(z, t):
    """dz/dt = RATE z, whose solution is known at every time."""
    return RATE * z


class Exact:
    """The student that lands exactly on the Euler path of `substeps` steps a grid step at the end of its segment."""

    def __init__(self, distiller, substeps=1):
        self.distiller, self.substeps = distiller, substeps

    def __call__(self, z, t):
        grid = self.distiller.time(torch.arange(self.distiller.points + 1), SHIFT)
        index = (grid[None] - t[:, None]).abs().argmin(1)
        # asked at a segment's end, it answers for the next one: nothing multiplies that answer
        end = self.distiller.segment_end(index.clamp_min(1), torch.full_like(index, self.distiller.segments[0]))
        landed = z.clone()
        for row, (n, e) in enumerate(zip(index.tolist(), end.tolist())):
            for start, stop in zip(grid[e + 1 : n + 1].flip(0), grid[e:n].flip(0)):
                for _ in range(self.substeps):
                    landed[row] += (stop - start) / self.substeps * RATE * landed[row]
        span = (t - grid[end]).clamp_min(1e-9)
        return (z - landed) / expand(span, z)


def batch(student, average=None, draws=None, size=64) -> DistillStep:
    torch.manual_seed(0)
    latents, noise = torch.randn(2, size, 2, 2, 2, dtype=torch.float64)
    return DistillStep(
        latents=latents,
        noise=noise,
        draws=torch.rand(3, size) if draws is None else draws,
        shift=SHIFT,
        student=student,
        average=average or student,
        teacher=field,
    )
