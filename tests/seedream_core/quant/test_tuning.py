"""Tuning scales and biases brings the answers nearer to the original's and leaves the integers alone."""

import copy

import torch
from torch import nn

from seedream_core.quant.rounding import round_weight
from seedream_core.quant.sensitivity import relative_error
from seedream_core.quant.tuning import tune_scales
from seedream_core.quant.w4a8 import quantise


def test_tuned_scales_answer_better_on_inputs_not_tuned_on():
    torch.manual_seed(0)
    original = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 64), nn.GELU(), nn.Linear(64, 64))
    names = [name for name, layer in original.named_modules() if isinstance(layer, nn.Linear)]
    weights = {name: round_weight(original.get_submodule(name).weight, None, 4) for name in names}
    network = quantise(copy.deepcopy(original), weights)
    codes = network[0].codes.clone()
    held_out = torch.randn(256, 64)
    with torch.no_grad():
        before = relative_error(network(held_out), original(held_out))
    steps = []
    tune_scales(
        network,
        original,
        lambda step: lambda net: net(torch.randn(64, 64, generator=torch.Generator().manual_seed(step))),
        150,
        3e-3,
        after=steps.append,
    )
    with torch.no_grad():
        after = relative_error(network(held_out), original(held_out))
    assert after < 0.95 * before
    assert torch.equal(network[0].codes, codes) and steps == list(range(150))
    assert not any(p.requires_grad for p in network.parameters())


def test_a_rate_is_a_share_of_each_layers_mean_scale():
    """Adam's first step is as long as its rate, whatever the gradient."""
    torch.manual_seed(0)
    original = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64))
    with torch.no_grad():
        original[1].weight *= 20
    weights = {name: round_weight(original.get_submodule(name).weight, None, 4) for name in ("0", "1")}
    network = quantise(copy.deepcopy(original), weights)
    before = [(layer.scale.clone(), layer.bias.clone()) for layer in network]
    tune_scales(network, original, lambda step: lambda net: net(torch.ones(4, 64)), 1, 1e-3)
    for layer, (scale, bias) in zip(network, before):
        moved = (layer.scale - scale).abs()
        torch.testing.assert_close(moved, 1e-3 * scale.abs().mean().expand_as(moved), rtol=0.02, atol=0)
        torch.testing.assert_close((layer.bias - bias).abs(), torch.full_like(bias, 1e-4), rtol=0.02, atol=0)
