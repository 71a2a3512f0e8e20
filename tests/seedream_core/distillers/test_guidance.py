"""Guidance distillation regresses the guided velocity; at a scale of 1 that is the conditional one."""

import pytest
import torch

from seedream_core.distillers import DistillStep
from seedream_core.distillers.guidance import Guidance
from seedream_core.flow.guidance import combine


def step(student, teacher, draws=None) -> DistillStep:
    torch.manual_seed(0)
    latents, noise = torch.randn(2, 6, 3, 2, 2)
    return DistillStep(latents=latents, noise=noise, draws=torch.rand(3, 6) if draws is None else draws, shift=2.0,
                       student=student, average=student, teacher=teacher)


def conditional(z, t):
    return 2 * z + t.view(-1, 1, 1, 1)


def unconditional(z, t):
    return -z


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_the_loss_is_the_distance_from_the_guided_velocity(scale):
    teacher = lambda z, t: combine(unconditional(z, t), conditional(z, t), scale)
    assert Guidance().student_loss(step(teacher, teacher)) == 0
    loss = Guidance().student_loss(step(conditional, teacher))
    assert loss < 1e-9 if scale == 1 else loss > 0.1


def test_times_reach_pure_noise_and_follow_the_shifted_grid():
    seen = []
    teacher = lambda z, t: seen.append(t) or z
    Guidance().student_loss(step(lambda z, t: z, teacher, draws=torch.tensor([[0.0, 0.5, 0.999, 0, 0, 0]]).expand(3, 6)))
    torch.testing.assert_close(seen[0][:2], torch.tensor([1.0, 2 / 3]))
    assert 0 < seen[0][2] < 0.01
