"""Contrastive flow matching against its formula, and against the minimum that follows from it."""

import torch

from seedream_core.losses.contrastive_flow_matching import ContrastiveFlowMatchingLoss
from seedream_core.losses.flow_matching import FlowMatchingLoss
from seedream_core.records import FlowStep


def step(velocity: torch.Tensor, target: torch.Tensor, mask=None) -> FlowStep:
    return FlowStep(
        latents=target,
        noise=target,
        t=torch.rand(len(target)),
        noisy=target,
        velocity=velocity,
        target=target,
        mask=mask,
    )


def test_each_sample_is_held_against_the_target_of_its_neighbour():
    torch.manual_seed(0)
    velocity, target = torch.randn(3, 2, 4, 4), torch.randn(3, 2, 4, 4)
    expected = -sum((velocity[i] - target[i - 1]).square().mean() for i in range(3)) / 3
    torch.testing.assert_close(ContrastiveFlowMatchingLoss()(step(velocity, target)), expected)


def test_a_mask_leaves_out_the_samples_own_cells():
    torch.manual_seed(0)
    velocity, target, mask = torch.randn(2, 1, 2, 2), torch.randn(2, 1, 2, 2), torch.ones(2, 1, 2, 2)
    mask[0, 0, 0] = 0
    expected = -((velocity[0, 0, 1] - target[1, 0, 1]).square().mean() + (velocity[1] - target[0]).square().mean()) / 2
    torch.testing.assert_close(ContrastiveFlowMatchingLoss()(step(velocity, target, mask)), expected)


def test_the_minimum_overshoots_away_from_the_mean():
    """Two equally likely targets that the condition tells apart: v - 0.05 ṽ over 1 - 0.05, with ṽ drawn at random."""
    torch.manual_seed(0)
    choice = (torch.arange(4096) % 2)[torch.randperm(4096)]
    target = torch.where(choice == 0, -1.0, 3.0)[:, None, None, None]
    guess = torch.zeros(2, requires_grad=True)
    terms = FlowMatchingLoss(), ContrastiveFlowMatchingLoss()
    for _ in range(200):
        one = step(guess[choice][:, None, None, None], target)
        loss = sum(term.weight * term(one) for term in terms)
        (slope,) = torch.autograd.grad(loss, guess)
        guess = (guess - 0.5 * slope).detach().requires_grad_()
    mean = target.mean()
    expected = (torch.tensor([-1.0, 3.0]) - 0.05 * mean) / 0.95
    torch.testing.assert_close(guess.detach(), expected, atol=0.01, rtol=0)
