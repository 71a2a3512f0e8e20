"""The dispersive loss against its formula written as a double loop, and that it spreads samples apart."""

import math

import pytest
import torch

from seedream_core.losses.dispersive import DispersiveLoss
from seedream_core.records import FlowStep


def step(hidden: list[torch.Tensor]) -> FlowStep:
    none = torch.zeros(len(hidden[0]), 1, 1, 1)
    return FlowStep(latents=none, noise=none, t=none, noisy=none, velocity=none, target=none, hidden=hidden)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_the_formula(temperature):
    torch.manual_seed(0)
    first, second = torch.randn(4, 3, 5), torch.randn(4, 3, 5)
    pairs = [
        math.exp(-float((second[i] - second[j]).square().mean()) / temperature) for i in range(4) for j in range(4)
    ]
    found = DispersiveLoss(layer=2, temperature=temperature)(step([first, second]))
    assert float(found) == pytest.approx(math.log(sum(pairs) / 16), rel=1e-5)


def test_equal_samples_are_the_worst_and_have_a_finite_gradient():
    hidden = torch.ones(4, 3, 5, requires_grad=True)
    loss = DispersiveLoss(layer=1)(step([hidden]))
    loss.backward()
    assert float(loss.detach()) == 0 and hidden.grad.isfinite().all()


def test_a_step_spreads_the_samples():
    torch.manual_seed(0)
    hidden = torch.randn(8, 2, 4, requires_grad=True)
    loss = DispersiveLoss(layer=1)(step([hidden]))
    (slope,) = torch.autograd.grad(loss, hidden)
    moved = hidden.detach() - slope
    assert torch.pdist(moved.flatten(1)).mean() > torch.pdist(hidden.detach().flatten(1)).mean()
