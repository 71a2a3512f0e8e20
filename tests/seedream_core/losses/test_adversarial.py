"""Hinge losses and the adaptive weight of an adversarial autoencoder, against their formulas."""

import pytest
import torch
from torch import nn

from seedream_core.losses.adversarial import MAX_BALANCE, Adversarial, balance, discriminator_loss
from seedream_core.models.discriminator import PatchDiscriminator
from seedream_core.workflow.host import Train


def test_hinge():
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-3.0, 0.0, 0.5])
    expected = 0.5 * ((0 + 0.5 + 2) / 3 + (0 + 1 + 1.5) / 3)
    assert float(discriminator_loss(real, fake)) == pytest.approx(expected)


def test_the_balance_makes_both_gradients_equally_long():
    torch.manual_seed(0)
    reconstruction, adversarial = torch.randn(5, 5), 1e-2 * torch.randn(5, 5)
    scaled = balance(reconstruction, adversarial) * adversarial
    assert float(scaled.norm()) == pytest.approx(float(reconstruction.norm()), rel=1e-2)
    assert float(balance(torch.ones(4) * 1e9, torch.zeros(4))) == MAX_BALANCE


def test_the_discriminators_schedule_is_what_is_left():
    train = Train(steps=100, lr=1e-3, weight_decay=0.1, optimizer="muon", seed=3)
    own = Adversarial(start=40, lr=2e-4).schedule(train)
    assert (own.steps, own.lr, own.betas, own.weight_decay, own.optimizer) == (60, 2e-4, (0.5, 0.9), 0, "adamw")
    assert own.seed == train.seed


@pytest.mark.parametrize("layers, size", [(2, 14), (3, 6)])
def test_verdicts_are_about_patches(layers, size):
    torch.manual_seed(0)
    network = PatchDiscriminator(8, layers)
    images = torch.randn(2, 3, 64, 64, requires_grad=True)
    verdicts = network(images)
    assert verdicts.shape == (2, 1, size, size)
    (seen,) = torch.autograd.grad(verdicts[0, 0, 0, 0], images)
    # group norm looks at the whole picture, but never at another one
    assert seen[0].any() and not seen[1].any()


def test_it_learns_to_tell_smooth_pictures_from_sharp_ones():
    torch.manual_seed(0)
    network = PatchDiscriminator(8, 2)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3, betas=(0.5, 0.9))
    blur = nn.AvgPool2d(5, 1, 2)
    for _ in range(40):
        real = torch.randn(8, 3, 32, 32)
        loss = discriminator_loss(network(real), network(blur(real)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    real = torch.randn(64, 3, 32, 32)
    separated = (network(real).mean((1, 2, 3)) > network(blur(real)).mean((1, 2, 3))).float().mean()
    assert float(separated) > 0.95
