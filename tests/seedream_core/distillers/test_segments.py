"""No segment is empty, segments lie on the sampler's grid, and simulated starts lie where the sampler stands."""

from dataclasses import replace

import pytest
import torch
from toy_trajectories import batch, field

from seedream_core.distillers.segmented_consistency import SegmentedConsistency
from seedream_core.distillers.trajectory_regression import TrajectoryRegression
from seedream_core.flow.path import expand
from seedream_core.flow.solvers.euler import Euler
from seedream_core.pipeline.sampler import time_grid

BOTH = pytest.mark.parametrize("kind", [SegmentedConsistency, TrajectoryRegression])


@pytest.mark.parametrize("points", [16, 32, 48])
@pytest.mark.parametrize("count", [1, 2, 4, 8, 16])
def test_no_segment_is_empty_and_each_ends_below_its_points(points, count):
    distiller = TrajectoryRegression(segments=(count,), points=points)
    index = torch.arange(1, points + 1)
    end = distiller.segment_end(index, torch.full_like(index, count))
    assert bool((end < index).all()) and bool((end >= 0).all())
    assert end.unique().tolist() == [i * points // count for i in range(count)]
    assert end.unique(return_counts=True)[1].tolist() == [points // count] * count
    expected = torch.tensor([(-(-n * count // points) - 1) * points // count for n in index.tolist()])
    assert torch.equal(end, expected)


@pytest.mark.parametrize("count", [2, 4])
def test_segments_begin_and_end_on_the_samplers_grid(count):
    distiller = TrajectoryRegression(segments=(count,), points=16)
    starts = torch.arange(16, 0, -16 // count)
    ends = distiller.segment_end(starts, torch.full_like(starts, count))
    grid = time_grid(count, 1.7)
    torch.testing.assert_close(distiller.time(starts, 1.7), grid[:-1])
    torch.testing.assert_close(distiller.time(ends, 1.7), grid[1:])


@BOTH
@pytest.mark.parametrize(
    "options",
    [{}, {"segments": (4, 2), "substeps": 2, "simulated": 1.0}, {"substeps": 2, "simulated": 1.0}, {"points": 2}],
)
def test_a_step_costs_what_it_asks(kind, options):
    calls = {"teacher": 0, "average": 0}

    def counted(name):
        def ask(z, t):
            calls[name] += 1
            return z

        return ask

    distiller = kind(**{"segments": (1,)} | options)
    distiller.student_loss(replace(batch(field, counted("average")), teacher=counted("teacher")))
    assert (calls["teacher"], calls["average"]) == distiller.evaluations


@BOTH
def test_a_grid_that_does_not_divide_is_refused_with_one_that_does(kind):
    with pytest.raises(ValueError, match="16 is not a multiple of 5 segments; try 15"):
        kind(segments=(5,), points=16)
    with pytest.raises(ValueError, match="at least one"):
        kind(segments=())


@pytest.mark.parametrize("segments", [(2,), (4, 1), (8,)])
def test_a_simulated_start_is_where_the_sampler_stands_with_the_averages_jumps(segments):
    distiller = TrajectoryRegression(segments=segments, points=8, simulated=1.0)
    step = batch(field, lambda z, t: (1 + expand(t, z)) * z, size=16)
    index = torch.arange(8, 0, -1).repeat(2)
    counts = torch.tensor(segments).repeat_interleave(16 // len(segments))
    got = distiller.simulate(step, index, counts)
    for row, (i, count) in enumerate(zip(index.tolist(), counts.tolist())):
        grid = time_grid(8, 1.5)[:: 8 // count].tolist()
        here = float(distiller.time(torch.tensor(i), 1.5))
        path = torch.tensor([t for t in grid if t > here + 1e-6] + [here], dtype=torch.float64)
        noise = step.noise[row][None]
        expected = Euler()(step.average, noise, path).end if len(path) > 1 else noise
        torch.testing.assert_close(got[row], expected[0], rtol=1e-5, atol=1e-6)


@BOTH
def test_simulated_starts_take_their_share_and_have_no_gradient(kind):
    seen = []

    def student(z, t):
        seen.append(z)
        return weight * z

    weight = torch.ones((), requires_grad=True)
    draws = torch.rand(3, 400)
    for share in (0.0, 0.4, 1.0):
        distiller = kind(segments=(2,), simulated=share)
        distiller.student_loss(batch(student, lambda z, t: weight * z.sin(), draws, size=400))
    data, some, own = seen
    inner = (1 + (draws[1] * 4).long()) < 4  # pure noise is where both begin
    moved = ((some != data).flatten(1).any(1), (own != data).flatten(1).any(1))
    assert torch.equal(moved[0], inner & (draws[2] < 0.4)) and torch.equal(moved[1], inner)
    assert not own.requires_grad


@BOTH
def test_only_the_student_gets_a_gradient(kind):
    weight, mean = torch.ones((), requires_grad=True), torch.ones((), requires_grad=True)
    loss = kind(simulated=0.5).student_loss(batch(lambda z, t: weight * z, lambda z, t: mean * z))
    loss.backward()
    assert weight.grad is not None and mean.grad is None


def test_several_numbers_of_segments_share_the_batch():
    seen = []
    distiller = TrajectoryRegression(segments=(4, 2))
    keep = distiller.segment_end

    def spy(index, counts):
        seen.extend(counts.tolist())
        return keep(index, counts)

    object.__setattr__(distiller, "segment_end", spy)
    distiller.student_loss(batch(field, size=400))
    assert set(seen) == {2, 4} and 120 < seen.count(4) < 280


@BOTH
@pytest.mark.parametrize("simulated", [0.0, 0.4])
def test_a_masked_cell_gives_no_gradient_unless_the_start_is_noise_alone(kind, simulated):
    answer = torch.zeros(400, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    mask = torch.ones(400, 1, 2, 2)
    mask[:, :, 0, 1] = 0
    one = replace(batch(lambda z, t: answer, lambda z, t: 0.9 * z, size=400), mask=mask)
    (gradient,) = torch.autograd.grad(kind(segments=(2,), simulated=simulated).student_loss(one), answer)
    noise = (one.draws[1] >= 0.75) | (one.draws[2] < simulated)
    assert 60 < noise.sum() < 250 and (gradient[noise] != 0).all()
    assert torch.equal(gradient[~noise] != 0, (mask[~noise] == 1).expand_as(gradient[~noise]))
