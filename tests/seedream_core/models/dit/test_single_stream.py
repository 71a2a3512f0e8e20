"""The single stream's arithmetic against its definition, written a second time, and what its config refuses."""

import pytest
import torch
import torch.nn.functional as F

from seedream_core.models.conditions import Conditions
from seedream_core.models.dit.mmdit import MmditConfig
from seedream_core.models.dit.single_stream import SingleStreamConfig


def rms(x, weight=None, eps=1e-6):
    normed = x / (x.square().mean(-1, keepdim=True) + eps).sqrt()
    return normed if weight is None else normed * weight


def turned(x, positions, pairs):
    """Rotation of T x heads x d, axis by axis; pairs are (i, i + d/2)."""
    half, angles = x.shape[-1] // 2, torch.zeros(len(x), x.shape[-1] // 2)
    for axis in range(3):
        for pair in range(pairs):
            angles[:, axis * pairs + pair] = positions[:, axis] * 100.0 ** (-pair / pairs)
    cosine, sine = angles.cos()[:, None], angles.sin()[:, None]
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], -1)


def test_it_computes_what_its_definition_says():
    torch.manual_seed(0)
    config = SingleStreamConfig(width=24, depth=2, heads=2, modulation_rank=4)
    net = config.build(channels=4, text_width=12)
    for parameter in net.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    latents, t = torch.randn(1, 4, 2, 3), torch.tensor([0.3])
    conditions = Conditions(torch.randn(1, 5, 12), torch.ones(1, 5, dtype=torch.bool))
    with torch.no_grad():
        found = net(latents, t, conditions).velocity[0]
        condition = net.condition(t)[0]
        text = net.text_in(rms(conditions.text[0], net.text_norm.weight))
        x = torch.cat([text, net.image_in(latents[0].flatten(1).T)])
        positions = torch.zeros(11, 3)
        positions[:5, 0] = torch.arange(1, 6)
        positions[5:, 1:] = config.rope.positions(2, 3)
        for block in net.blocks:
            scale, gate, mlp_scale, mlp_gate = block.modulation(condition[None])
            scale, gate, mlp_scale, mlp_gate = (part[0, 0] for part in (scale, gate, mlp_scale, mlp_gate))
            q, k, v = block.qkv(rms(x, block.attention_in.weight) * (1 + scale)).reshape(11, 3, 2, 12).unbind(1)
            q, k = turned(rms(q), positions, 2), turned(rms(k), positions, 2)
            weights = (torch.einsum("thd,shd->hts", q, k) / 12**0.5).softmax(-1)
            attended = torch.einsum("hts,shd->thd", weights, v).flatten(1)
            x = x + gate.tanh() * rms(block.out(attended), block.attention_out.weight)
            both = block.mlp.up(rms(x, block.mlp_in.weight) * (1 + mlp_scale))
            gated = F.silu(both[:, : config.hidden]) * both[:, config.hidden :]
            x = x + mlp_gate.tanh() * rms(block.mlp.down(gated), block.mlp_out.weight)
        image = F.layer_norm(x[5:], (24,)) * (1 + net.final_modulation(condition))
        expected = net.image_out(image).T.reshape(4, 2, 3)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_at_equal_flops_it_has_about_half_the_parameters_of_an_mmdit():
    sizes = {"image_tokens": 16, "text_tokens": 20, "channels": 16, "text_width": 256}
    single, double = SingleStreamConfig(), MmditConfig()
    assert single.flops(**sizes) == pytest.approx(double.flops(**sizes), rel=0.1)
    counts = [config.parameters(channels=16, text_width=256) for config in (single, double)]
    assert 0.45 < counts[0] / counts[1] < 0.65


def test_what_cannot_be_built_is_refused():
    assert SingleStreamConfig(width=32, heads=2, mlp_ratio=2.9).hidden == 88
    for width, heads in ((30, 4), (30, 6), (18, 6)):
        with pytest.raises(ValueError, match="an even number of at least 6"):
            SingleStreamConfig(width=width, heads=heads)
