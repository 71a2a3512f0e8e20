"""No segment is empty, jumps end where the sampler looks next, and the exact student is the only one without loss."""

from dataclasses import replace

import pytest
import torch

from seedream_core.distillers import DistillStep
from seedream_core.distillers.segmented_consistency import SegmentedConsistency
from seedream_core.flow.path import expand
from seedream_core.flow.solvers.euler import Euler
from seedream_core.pipeline.sampler import time_grid


@pytest.mark.parametrize("points", [16, 32, 48])
@pytest.mark.parametrize("count", [1, 2, 4, 8, 16])
def test_no_segment_is_empty_and_each_ends_below_its_points(points, count):
    distiller = SegmentedConsistency(segments=(count,), points=points)
    index = torch.arange(1, points + 1)
    end = distiller.segment_end(index, torch.full_like(index, count))
    assert bool((end < index).all()) and bool((end >= 0).all())
    assert end.unique().tolist() == [i * points // count for i in range(count)]
    assert end.unique(return_counts=True)[1].tolist() == [points // count] * count
    expected = torch.tensor([(-(-n * count // points) - 1) * points // count for n in index.tolist()])
    assert torch.equal(end, expected)


@pytest.mark.parametrize("count", [2, 4])
def test_segments_begin_and_end_on_the_samplers_grid(count):
    distiller = SegmentedConsistency(segments=(count,), points=16)
    starts = torch.arange(16, 0, -16 // count)
    ends = distiller.segment_end(starts, torch.full_like(starts, count))
    grid = time_grid(count, 1.7)
    torch.testing.assert_close(distiller.time(starts, 1.7), grid[:-1])
    torch.testing.assert_close(distiller.time(ends, 1.7), grid[1:])


def test_a_step_costs_what_it_asks():
    calls = {"teacher": 0, "average": 0}

    def counted(name):
        def ask(z, t):
            calls[name] += 1
            return z

        return ask

    simulated = SegmentedConsistency(segments=(4, 2), substeps=2, simulated=1.0)
    for distiller in (
        SegmentedConsistency(),
        simulated,
        replace(simulated, segments=(2,)),
        replace(simulated, segments=(2,), points=2),
    ):
        calls.update(teacher=0, average=0)
        batch = step(field, counted("average"))
        distiller.student_loss(replace(batch, teacher=counted("teacher")))
        assert (calls["teacher"], calls["average"]) == distiller.evaluations


def test_a_grid_that_does_not_divide_is_refused_with_one_that_does():
    with pytest.raises(ValueError, match="16 is not a multiple of 5 segments; try 15"):
        SegmentedConsistency(segments=(5,), points=16)
    with pytest.raises(ValueError, match="at least one"):
        SegmentedConsistency(segments=())


RATE = 1.3


def field(z, t):
    """dz/dt = RATE z, whose solution is known at every time."""
    return RATE * z


class Segments:
    """The student that lands exactly on the Euler path of `points` steps at the end of its segment."""

    def __init__(self, distiller, shift_by, substeps=1):
        self.distiller, self.shift_by, self.substeps = distiller, shift_by, substeps

    def __call__(self, z, t):
        grid = self.distiller.time(torch.arange(self.distiller.points + 1), self.shift_by)
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


def step(student, average=None, draws=None, batch=64) -> DistillStep:
    torch.manual_seed(0)
    latents, noise = torch.randn(2, batch, 2, 2, 2, dtype=torch.float64)
    return DistillStep(
        latents=latents,
        noise=noise,
        draws=torch.rand(3, batch) if draws is None else draws,
        shift=1.5,
        student=student,
        average=average or student,
        teacher=field,
    )


@pytest.mark.parametrize("count, substeps", [(1, 1), (2, 1), (4, 1), (4, 2), (16, 1)])
def test_the_student_that_follows_the_teachers_path_has_no_loss(count, substeps):
    distiller = SegmentedConsistency(segments=(count,), points=16, substeps=substeps)
    exact = Segments(distiller, 1.5, substeps)
    assert float(distiller.student_loss(step(exact))) < 1e-10
    if count < 16:
        assert float(distiller.student_loss(step(field, exact))) > 1e-3


def test_the_exact_student_takes_as_many_steps_as_segments_to_where_the_teacher_takes_all():
    distiller = SegmentedConsistency(segments=(4,), points=16, substeps=1)
    noise = torch.randn(5, 2, 2, 2, dtype=torch.float64)
    few = Euler()(Segments(distiller, 1.5), noise, time_grid(4, 1.5)).end
    many = Euler()(field, noise, time_grid(16, 1.5)).end
    torch.testing.assert_close(few, many, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("segments", [(2,), (4, 1), (8,)])
def test_a_simulated_start_is_where_the_sampler_stands_with_the_averages_jumps(segments):
    distiller = SegmentedConsistency(segments=segments, points=8)
    batch = step(field, lambda z, t: (1 + expand(t, z)) * z, batch=16)
    index = torch.arange(8, 0, -1).repeat(2)
    counts = torch.tensor(segments).repeat_interleave(16 // len(segments))
    got = distiller.simulate(batch, index, counts)
    for row, (i, count) in enumerate(zip(index.tolist(), counts.tolist())):
        grid = time_grid(8, 1.5)[:: 8 // count].tolist()
        here = float(distiller.time(torch.tensor(i), 1.5))
        path = torch.tensor([t for t in grid if t > here + 1e-6] + [here], dtype=torch.float64)
        noise = batch.noise[row][None]
        expected = Euler()(batch.average, noise, path).end if len(path) > 1 else noise
        torch.testing.assert_close(got[row], expected[0], rtol=1e-5, atol=1e-6)


def test_simulated_starts_take_their_share_and_have_no_gradient():
    seen = []

    def student(z, t):
        seen.append(z)
        return weight * z

    weight = torch.ones((), requires_grad=True)
    draws = torch.rand(3, 400)
    for share in (0.0, 0.4, 1.0):
        distiller = SegmentedConsistency(segments=(2,), simulated=share)
        distiller.student_loss(step(student, lambda z, t: weight * z.sin(), draws, batch=400))
    data, some, own = seen
    inner = (1 + (draws[1] * 4).long()) < 4  # pure noise is where both begin
    moved = ((some != data).flatten(1).any(1), (own != data).flatten(1).any(1))
    assert torch.equal(moved[0], inner & (draws[2] < 0.4)) and torch.equal(moved[1], inner)
    assert not own.requires_grad


def test_only_the_student_gets_a_gradient():
    weight, mean = torch.ones((), requires_grad=True), torch.ones((), requires_grad=True)
    loss = SegmentedConsistency().student_loss(step(lambda z, t: weight * z, lambda z, t: mean * z))
    loss.backward()
    assert weight.grad is not None and mean.grad is None


def test_several_numbers_of_segments_share_the_batch():
    seen = []
    distiller = SegmentedConsistency(segments=(4, 2))
    keep = distiller.segment_end

    def spy(index, counts):
        seen.extend(counts.tolist())
        return keep(index, counts)

    object.__setattr__(distiller, "segment_end", spy)
    distiller.student_loss(step(field, batch=400))
    assert set(seen) == {2, 4} and 120 < seen.count(4) < 280


@pytest.mark.parametrize("simulated", [0.0, 0.4])
def test_a_masked_cell_gives_no_gradient_unless_the_start_is_noise_alone(simulated):
    answer = torch.zeros(400, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    mask = torch.ones(400, 1, 2, 2)
    mask[:, :, 0, 1] = 0
    one = replace(step(lambda z, t: answer, lambda z, t: 0.9 * z, batch=400), mask=mask)
    (gradient,) = torch.autograd.grad(
        SegmentedConsistency(segments=(2,), simulated=simulated).student_loss(one), answer
    )
    noise = (one.draws[1] >= 0.75) | (one.draws[2] < simulated)
    assert 60 < noise.sum() < 250 and (gradient[noise] != 0).all()
    assert torch.equal(gradient[~noise] != 0, (mask[~noise] == 1).expand_as(gradient[~noise]))
