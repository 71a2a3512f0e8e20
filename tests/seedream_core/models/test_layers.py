"""Layers of the MM-DiT: times stay apart, modulation starts as nothing, padding counts for nothing."""

import pytest
import torch

from seedream_core.models.layers import Condition, Mlp, Modulation, modulate, time_features


def test_time_features_tell_near_times_apart_in_any_precision():
    times = torch.tensor([0.0, 1e-3, 0.5, 0.999, 1.0])
    features = time_features(times)
    assert features.shape == (5, 256) and features.dtype == torch.float32
    assert torch.pdist(features).min() > 0.5
    torch.testing.assert_close(features.square().sum(1), torch.full((5,), 128.0))
    assert time_features(times.bfloat16()).dtype == torch.float32


def test_pooling_of_the_text_leaves_padding_out():
    torch.manual_seed(0)
    condition, t, text = Condition(8), torch.rand(2), torch.randn(2, 5, 8)
    mask = torch.tensor([[True] * 3 + [False] * 2, [True] * 5])
    spoilt = torch.where(mask[:, :, None], text, 100.0)
    torch.testing.assert_close(condition(t, spoilt, mask), condition(t, text, mask))
    assert not torch.allclose(condition(t, text, mask)[0], condition(t, text, torch.ones_like(mask))[0])
    assert condition(t, text, torch.zeros_like(mask)).isfinite().all()


def test_a_guidance_embedding_begins_as_nothing_and_then_tells_scales_apart():
    torch.manual_seed(0)
    plain, condition = Condition(8), Condition(8, guidance=True)
    condition.load_state_dict(plain.state_dict(), strict=False)
    t, text, mask = torch.rand(2), torch.randn(2, 5, 8), torch.ones(2, 5, dtype=torch.bool)
    assert torch.equal(condition(t, text, mask, torch.tensor([1.5, 5.0])), plain(t, text, mask))
    torch.nn.init.normal_(condition.guidance_out.weight)
    low, high = (condition(t, text, mask, torch.full((2,), scale)) for scale in (1.5, 5.0))
    assert (low - high).abs().max() > 0.1
    with pytest.raises(ValueError, match="a network with a guidance embedding needs a guidance scale"):
        condition(t, text, mask)
    with pytest.raises(ValueError, match="a network with a guidance embedding needs a guidance scale"):
        plain(t, text, mask, torch.ones(2))


@pytest.mark.parametrize("kind, parameters", [("full", 8 * 24 + 24), ("low_rank", 8 * 2 + 2 * 24 + 24), ("shared", 24)])
def test_modulation_starts_at_zero_and_has_the_weights_of_its_kind(kind, parameters):
    module = Modulation(8, 3, kind=kind, rank=2)
    assert sum(parameter.numel() for parameter in module.parameters()) == parameters
    condition = torch.zeros(2, 48) if kind == "shared" else torch.randn(2, 8)
    vectors = module(condition)
    assert [tuple(vector.shape) for vector in vectors] == [(2, 1, 8)] * 3 and not any(
        vector.any() for vector in vectors
    )


def test_shared_modulation_adds_its_own_table():
    module = Modulation(8, 2, kind="shared", rank=2)
    module.table.data += 1
    common = torch.randn(2, 48)
    torch.testing.assert_close(torch.cat(module(common), -1)[:, 0], common[:, :16] + 1)


def test_modulate_and_mlp():
    x, shift, scale = torch.randn(3, 2, 5, 4).unbind()
    torch.testing.assert_close(modulate(x, shift, scale), x * (1 + scale) + shift)
    mlp = Mlp(4, 12)
    torch.testing.assert_close(mlp(x), mlp.down(torch.nn.functional.gelu(mlp.up(x))))
