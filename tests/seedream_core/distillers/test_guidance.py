"""Guidance distillation regresses the guided velocity; at a scale of 1 that is the conditional one; not at spoiled
cells.
"""

from dataclasses import replace

import pytest
import torch

from seedream_core.distillers import DistillStep
from seedream_core.distillers.guidance import Guidance
from seedream_core.flow.guidance.plain import PlainGuidance
from seedream_core.flow.path import interpolate
from seedream_core.flow.shift import shift


def step(student, teacher, draws=None) -> DistillStep:
    torch.manual_seed(0)
    latents, noise = torch.randn(2, 6, 3, 2, 2)
    return DistillStep(
        latents=latents,
        noise=noise,
        draws=torch.rand(3, 6) if draws is None else draws,
        shift=2.0,
        student=student,
        average=student,
        teacher=teacher,
    )


def conditional(z, t):
    return 2 * z + t.view(-1, 1, 1, 1)


def unconditional(z, t):
    return -z


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_the_loss_is_the_distance_from_the_guided_velocity(scale):
    def teacher(z, t):
        return PlainGuidance().guide(unconditional(z, t), conditional(z, t), scale)

    assert Guidance().student_loss(step(teacher, teacher)) == 0
    loss = Guidance().student_loss(step(conditional, teacher))
    assert loss < 1e-9 if scale == 1 else loss > 0.1


def test_times_reach_pure_noise_and_follow_the_shifted_grid():
    seen = []

    def teacher(z, t):
        return seen.append(t) or z

    Guidance().student_loss(
        step(lambda z, t: z, teacher, draws=torch.tensor([[0.0, 0.5, 0.999, 0, 0, 0]]).expand(3, 6))
    )
    torch.testing.assert_close(seen[0][:2], torch.tensor([1.0, 2 / 3]))
    assert 0 < seen[0][2] < 0.01


def test_a_masked_cell_gives_no_gradient_and_the_others_the_pictures_mean():
    """Whatever stands there; a picture weighs the same however much of it is masked, and none where all is."""
    mask = torch.ones(6, 1, 2, 2)
    mask[0, :, 0], mask[2] = 0, 0
    answer = torch.randn(6, 3, 2, 2, requires_grad=True)

    def teacher(z, t):
        return (z * 2).masked_fill((mask == 0) & (torch.arange(2) == 0), torch.inf)

    one = replace(step(lambda z, t: answer, teacher), mask=mask)
    loss = Guidance().student_loss(one)
    (gradient,) = torch.autograd.grad(loss, answer)
    assert gradient.isfinite().all() and torch.equal(gradient != 0, (mask == 1).expand_as(gradient))
    t = shift(1 - one.draws[0], one.shift)
    error = (answer - 2 * interpolate(one.latents, one.noise, t)).square()
    each = [error[0, :, 1].mean(), *error[1:2].mean((1, 2, 3)), torch.zeros(()), *error[3:].mean((1, 2, 3))]
    torch.testing.assert_close(loss, torch.stack(each).mean())
    whole = replace(one, teacher=lambda z, t: z * 2)
    clean, plain = (Guidance().student_loss(replace(whole, mask=other)) for other in (torch.ones_like(mask), None))
    torch.testing.assert_close(clean, plain)


def test_a_step_costs_one_answer_of_the_teacher_and_none_of_the_average():
    assert Guidance().evaluations == (1, 0)
