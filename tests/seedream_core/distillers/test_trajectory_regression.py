"""The jump that lands where the teacher does is the only one without loss; the average counts in no target."""

import itertools

import pytest
import torch
from toy_trajectories import SHIFT, Exact, batch, field

from seedream_core.distillers.segmented_consistency import SegmentedConsistency
from seedream_core.distillers.trajectory_regression import TrajectoryRegression
from seedream_core.flow.path import expand
from seedream_core.flow.solvers.euler import Euler
from seedream_core.pipeline.sampler import time_grid


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_student_that_follows_the_teachers_path_has_no_loss(count):
    distiller = TrajectoryRegression(segments=(count,), points=count)
    exact = Exact(distiller, distiller.substeps)
    assert float(distiller.student_loss(batch(exact, field))) < 1e-10
    assert float(distiller.student_loss(batch(field, exact))) > 1e-3
    noise = torch.randn(5, 2, 2, 2, dtype=torch.float64)
    steps = itertools.pairwise(time_grid(count, SHIFT))
    path = torch.cat([torch.lerp(start, end, torch.arange(4) / 4) for start, end in steps] + [torch.zeros(1)])
    few, many = Euler()(exact, noise, time_grid(count, SHIFT)).end, Euler()(field, noise, path).end
    torch.testing.assert_close(few, many, rtol=1e-5, atol=1e-6)


def test_from_inside_a_segment_the_teacher_goes_to_its_end():
    """With more points than segments; the target of a linear field is known for each start."""
    distiller = TrajectoryRegression(segments=(2,), points=4, substeps=1)
    assert float(distiller.student_loss(batch(field))) < 1e-20  # one Euler step of the teacher is the teacher itself
    halves = TrajectoryRegression(segments=(2,), points=4, substeps=2)
    grid = time_grid(4, SHIFT).flip(0)

    def student(z, t):
        index = (grid[None] - t[:, None]).abs().argmin(1)
        span = grid[index] - grid[(index - 1) // 2 * 2]
        return expand((1 - (1 - 1.3 * span / 2) ** 2) / span, z) * z

    assert float(halves.student_loss(batch(student))) < 1e-12


@pytest.mark.parametrize("points", [2, 4])
def test_the_averages_weights_count_in_simulated_starts_alone(points):
    draws = torch.rand(3, 200, generator=torch.Generator().manual_seed(0))
    for simulated in (0.0, 1.0):
        distiller = TrajectoryRegression(segments=(2,), points=points, simulated=simulated)
        first, second = (
            float(distiller.student_loss(batch(lambda z, t: z.sin(), lambda z, t: weight * z, draws, size=200)))
            for weight in (0.5, 0.6)
        )
        assert (first != second) == bool(simulated)


def test_at_the_last_step_of_a_segment_consistency_asks_for_the_same():
    """There one grid step of the teacher leads to the segment's end."""
    draws = torch.rand(3, 64)
    draws[1] = draws[1] * 0.25 + 0.5 * (torch.arange(64) % 2)  # grid points 1 and 3 of 4
    losses = [
        float(kind(points=4, simulated=0.5).student_loss(batch(lambda z, t: z.cos(), None, draws)))
        for kind in (SegmentedConsistency, TrajectoryRegression)
    ]
    assert losses[0] == losses[1]
