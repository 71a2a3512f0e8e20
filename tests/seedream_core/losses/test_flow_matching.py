"""The loss is the mean squared error of the velocity, over pictures that may weigh differently."""

import torch

from seedream_core.losses.flow_matching import flow_matching
from seedream_core.records import FlowStep


def step(**changes) -> FlowStep:
    torch.manual_seed(0)
    parts = {name: torch.randn(4, 2, 3, 3) for name in ("latents", "noise", "noisy", "velocity", "target")}
    return FlowStep(**parts, t=torch.rand(4), **changes)


def test_equals_torchs_own():
    one = step()
    torch.testing.assert_close(flow_matching(one), torch.nn.functional.mse_loss(one.velocity, one.target))


def test_weights_choose_pictures():
    one = step(weights=torch.tensor([0.0, 2.0, 0.0, 0.0]))
    torch.testing.assert_close(flow_matching(one), (one.velocity[1] - one.target[1]).square().mean())


def test_computed_in_float32():
    one = step()
    one.velocity = one.velocity.bfloat16()
    assert flow_matching(one).dtype == torch.float32
