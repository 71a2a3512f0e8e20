"""The distance that distillers regress: plain without a mask, and each picture's own mean over what a mask leaves."""

import torch

from seedream_core.distillers import distance
from seedream_core.losses.flow_matching import FlowMatchingLoss
from seedream_core.records import FlowStep


def test_without_a_mask_it_is_the_mean_squared_error_and_with_one_what_training_takes():
    torch.manual_seed(0)
    found, wanted = torch.randn(2, 4, 3, 5, 5)
    assert torch.equal(distance(found, wanted, None), (found - wanted).square().mean())
    torch.testing.assert_close(distance(found, wanted, torch.ones(4, 1, 5, 5)), distance(found, wanted, None))
    mask = (torch.rand(4, 1, 5, 5) > 0.4).float()
    mask[1] = 0
    step = FlowStep(latents=found, noise=found, noisy=found, t=torch.rand(4), velocity=found, target=wanted, mask=mask)
    torch.testing.assert_close(distance(found, wanted, mask), FlowMatchingLoss()(step))
    wanted[1] = torch.inf
    assert distance(found, wanted, mask).isfinite() and distance(found, wanted, torch.zeros_like(mask)) == 0
