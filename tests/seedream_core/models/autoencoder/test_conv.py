import pytest
import torch

from seedream_core.models.autoencoder import AutoencoderConfig
from seedream_core.models.autoencoder.conv import Conv

SMALL = {"stem": 4, "widths": (16, 16, 24), "channels": 6}


@pytest.mark.parametrize(
    ("factor", "options"), ((16, {}), (8, {"stem": 2, "factor": 8}), (32, {"stem": 8, "factor": 32}))
)
def test_shapes_for_several_factors_and_uneven_sizes(factor, options):
    module = Conv(**SMALL | options).build()
    images = torch.rand(2, 3, 64, 96) * 2 - 1
    posterior = module.encode(images)
    assert posterior.mean.shape == posterior.std.shape == (2, 6, 64 // factor, 96 // factor)
    assert module.decode(posterior.mean).shape == images.shape


def test_learns_to_reconstruct():
    torch.manual_seed(0)
    module = Conv(**SMALL).build()
    images = (torch.rand(8, 3, 1, 1) * 2 - 1).expand(8, 3, 32, 32)
    optimizer = torch.optim.AdamW(module.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        loss = (module.decode(module.encode(images).mean) - images).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.15 * losses[0]


def test_a_factor_that_the_widths_do_not_reach_is_refused():
    with pytest.raises(ValueError, match="give a factor of 16, not 8"):
        Conv(factor=8)
    with pytest.raises(ValueError, match="width 20 is not a multiple of 8"):
        Conv(widths=(16, 16, 20))


def test_the_family_finds_it():
    assert "conv" in AutoencoderConfig.names()
    assert AutoencoderConfig.find("conv") is Conv
