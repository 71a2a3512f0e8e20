"""The exact consistency function is the only student without loss, training finds it, and the average is at work."""

import pytest
import torch
from toy_trajectories import RATE, SHIFT, Exact, batch, field

from seedream_core.distillers.segmented_consistency import SegmentedConsistency
from seedream_core.flow.path import expand
from seedream_core.flow.solvers.euler import Euler
from seedream_core.pipeline.sampler import time_grid


@pytest.mark.parametrize("count, substeps", [(1, 1), (2, 1), (4, 1), (4, 2)])
def test_the_student_that_follows_the_teachers_path_has_no_loss(count, substeps):
    distiller = SegmentedConsistency(segments=(count,), points=16, substeps=substeps)
    exact = Exact(distiller, substeps)
    assert float(distiller.student_loss(batch(exact))) < 1e-10
    assert float(distiller.student_loss(batch(field, exact))) > 1e-3


def test_the_exact_student_takes_as_many_steps_as_segments_to_where_the_teacher_takes_all():
    distiller = SegmentedConsistency(segments=(4,), points=16, substeps=1)
    noise = torch.randn(5, 2, 2, 2, dtype=torch.float64)
    few = Euler()(Exact(distiller), noise, time_grid(4, SHIFT)).end
    many = Euler()(field, noise, time_grid(16, SHIFT)).end
    torch.testing.assert_close(few, many, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2])
def test_training_with_its_own_average_in_the_target_ends_at_the_exact_jumps(count):
    """One rate for each grid point, trained from zero: the last points of a segment learn first, then those before."""
    distiller = SegmentedConsistency(segments=(count,), points=8, substeps=1)
    grid = distiller.time(torch.arange(9, dtype=torch.float64), SHIFT)
    rates, average = torch.zeros(9, dtype=torch.float64, requires_grad=True), torch.zeros(9, dtype=torch.float64)

    def velocity(table):
        return lambda z, t: expand(table[(grid[None] - t[:, None]).abs().argmin(1)], z) * z

    optimizer = torch.optim.Adam([rates], lr=0.02)
    for seed in range(1500):
        draws = torch.rand(3, 64, generator=torch.Generator().manual_seed(seed))
        optimizer.zero_grad()
        distiller.student_loss(batch(velocity(rates), torch.no_grad()(velocity(average)), draws)).backward()
        optimizer.step()
        average.lerp_(rates.detach(), 0.1)
    ends = distiller.segment_end(torch.arange(1, 9), torch.full((8,), count)).tolist()
    for index, end in enumerate(ends, start=1):
        left = torch.prod(1 - RATE * (grid[end + 1 : index + 1] - grid[end:index]))
        assert float(rates.detach()[index]) == pytest.approx(float((1 - left) / (grid[index] - grid[end])), abs=1e-3)


@pytest.mark.parametrize("points", [4, 8])
def test_the_averages_weights_count_just_where_the_teachers_step_does_not_end_the_segment(points):
    distiller = SegmentedConsistency(segments=(2,), points=points)
    draws = torch.rand(3, 200, generator=torch.Generator().manual_seed(0))
    answers = []
    for weight in (0.5, 0.6):
        student = torch.zeros(200, 2, 2, 2, dtype=torch.float64, requires_grad=True)
        step = batch(lambda z, t: student, lambda z, t: weight * z, draws, size=200)
        answers.append(torch.autograd.grad(distiller.student_loss(step), student)[0])
    differs = (answers[0] != answers[1]).flatten(1).any(1)
    last = (draws[1] * points).long() % (points // 2) == 0
    assert torch.equal(differs, ~last) and 0.4 < last.float().mean() * points / 2 < 1.6


@pytest.mark.parametrize("segments, points", [((2,), 2), ((4, 4), 4), ((1,), 1)])
def test_one_grid_step_per_segment_is_refused_in_favour_of_regression(segments, points):
    with pytest.raises(ValueError, match="the moving average never enters the target; .* trajectory_regression"):
        SegmentedConsistency(segments=segments, points=points)
    assert SegmentedConsistency(segments=(*segments, 1), points=2 * points).evaluations == (4, 1)
