"""What a mask covers teaches nothing, whatever stands there; without defects the loss is flow matching's, bit for
bit.
"""

import pytest
import torch

from seedream_core.losses.defect_masked import defect_masked
from seedream_core.losses.flow_matching import flow_matching
from seedream_core.records import FlowStep


def step(mask=None, **changes) -> FlowStep:
    torch.manual_seed(0)
    parts = {name: torch.randn(4, 3, 5, 5) for name in ("latents", "noise", "noisy", "velocity", "target")}
    parts["velocity"].requires_grad_(True)
    return FlowStep(**parts, t=torch.rand(4), mask=mask, **changes)


def gradient(loss, one: FlowStep) -> torch.Tensor:
    return torch.autograd.grad(loss(one), one.velocity)[0]


@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 2.0, 0.0, 1.0])])
@pytest.mark.parametrize("mask", [None, torch.ones(4, 1, 5, 5)])
def test_without_defects_it_is_flow_matching_bit_for_bit(mask, weights):
    one, plain = step(mask, weights=weights), step(weights=weights)
    assert torch.equal(defect_masked(one), flow_matching(plain))
    if mask is None:
        assert torch.equal(gradient(defect_masked, one), gradient(flow_matching, plain))
    torch.testing.assert_close(gradient(defect_masked, one), gradient(flow_matching, plain))


def test_masked_cells_have_no_gradient_and_the_others_the_formulas():
    mask = torch.ones(4, 1, 5, 5)
    mask[0, :, 1:4, 2:] = 0
    mask[2] = 0
    one = step(mask)
    one.target[0, :, 2, 3] = torch.inf  # under the mask nothing matters
    found = gradient(defect_masked, one)
    assert found.isfinite().all() and (found[(mask == 0).expand_as(found)] == 0).all()
    assert (found[(mask == 1).expand_as(found)] != 0).all()
    each = [
        ((one.velocity[i] - one.target[i]).square().mean(0)[mask[i, 0] == 1]).sum() / max(1, mask[i].sum())
        for i in range(4)
    ]
    assert each[2] == 0
    torch.testing.assert_close(defect_masked(one), sum(each) / 4)
    weighed = step(mask, weights=torch.tensor([1.0, 0.0, 0.0, 3.0]))
    weighed.target[0, :, 2, 3] = torch.inf
    torch.testing.assert_close(defect_masked(weighed), (each[0] + 3 * each[3]) / 4)


def test_computed_in_float32():
    one = step(torch.ones(4, 1, 5, 5))
    one.velocity = one.velocity.bfloat16()
    assert defect_masked(one).dtype == torch.float32
