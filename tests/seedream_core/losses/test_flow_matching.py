"""Flow matching is the mean squared error of the velocity. Masked cells teach nothing."""

import pytest
import torch

from seedream_core.losses.flow_matching import FlowMatchingLoss
from seedream_core.records import FlowStep


def step(mask=None) -> FlowStep:
    torch.manual_seed(0)
    parts = {name: torch.randn(4, 3, 5, 5) for name in ("latents", "noise", "noisy", "velocity", "target")}
    parts["velocity"].requires_grad_(True)
    return FlowStep(**parts, t=torch.rand(4), mask=mask)


def gradient(one: FlowStep) -> torch.Tensor:
    return torch.autograd.grad(FlowMatchingLoss()(one), one.velocity)[0]


def test_equals_torchs_own():
    one = step()
    torch.testing.assert_close(FlowMatchingLoss()(one), torch.nn.functional.mse_loss(one.velocity, one.target))


def test_a_mask_without_defects_changes_nothing():
    assert torch.equal(FlowMatchingLoss()(step(torch.ones(4, 1, 5, 5))), FlowMatchingLoss()(step()))
    torch.testing.assert_close(gradient(step(torch.ones(4, 1, 5, 5))), gradient(step()))


def test_masked_cells_have_no_gradient_and_the_others_the_formulas():
    mask = torch.ones(4, 1, 5, 5)
    mask[0, :, 1:4, 2:] = 0
    mask[2] = 0
    one = step(mask)
    one.target[0, :, 2, 3] = torch.inf  # under the mask nothing matters
    found = gradient(one)
    assert found.isfinite().all() and (found[(mask == 0).expand_as(found)] == 0).all()
    assert (found[(mask == 1).expand_as(found)] != 0).all()
    each = [
        ((one.velocity[i] - one.target[i]).square().mean(0)[mask[i, 0] == 1]).sum() / max(1, mask[i].sum())
        for i in range(4)
    ]
    assert each[2] == 0
    torch.testing.assert_close(FlowMatchingLoss()(one), sum(each) / 4)


@pytest.mark.parametrize("mask", [None, torch.ones(4, 1, 5, 5)])
def test_computed_in_float32(mask):
    one = step(mask)
    one.velocity = one.velocity.bfloat16()
    assert FlowMatchingLoss()(one).dtype == torch.float32
