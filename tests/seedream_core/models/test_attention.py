import pytest
import torch
import torch.nn.functional as F

from seedream_core.models import attention
from seedream_core.models.rope.scaled import Scaled


def test_plain_attention_is_scaled_dot_product_attention(monkeypatch):
    q, k, v = torch.randn(3, 2, 4, 9, 8)
    bias = torch.zeros(2, 1, 1, 9).masked_fill(torch.arange(9) > 6, float("-inf"))
    plain = attention.attend(q, k, v, bias)
    torch.testing.assert_close(plain, F.scaled_dot_product_attention(q, k, v, attn_mask=bias))
    monkeypatch.setattr(attention, "PLAIN_ATTENTION_TOKENS", 4)
    torch.testing.assert_close(attention.attend(q, k, v, bias), plain)


def turned(x, rotation):
    """One part of one head: B x N x d."""
    return attention.split_heads(x, 1, rotation, parts=1, turned=1)[0][:, 0]


def test_scores_depend_on_distance_only():
    """Rotating queries and keys by equal offsets leaves their products unchanged."""
    q, k = torch.randn(2, 1, 6, 16)
    positions = torch.rand(6, 2) * 5
    scores = []
    for offset in (0.0, 3.25):
        rotation = attention.frequencies(positions + offset, 16)
        scores.append(turned(q, rotation) @ turned(k, rotation).transpose(-2, -1))
    torch.testing.assert_close(scores[0], scores[1], atol=1e-5, rtol=1e-5)


def test_without_rotation_it_is_torchs_rms_norm():
    x = torch.randn(2, 5, 8)
    none = (torch.ones(5, 4), torch.zeros(5, 4))
    torch.testing.assert_close(turned(x, none), F.rms_norm(x, (8,), eps=1e-6))


def test_parts_and_heads_are_cut_in_the_order_of_the_projection():
    x, none = torch.randn(2, 5, 3 * 2 * 4), (torch.ones(5, 2), torch.zeros(5, 2))
    q, k, v = attention.split_heads(x, 2, none, parts=3, turned=2)
    parts = x.reshape(2, 5, 3, 2, 4).permute(2, 0, 3, 1, 4)
    torch.testing.assert_close(torch.stack([q, k]), F.rms_norm(parts[:2], (4,), eps=1e-6))
    assert torch.equal(v, parts[2])


def test_text_before_the_image_is_not_rotated():
    x, rotation = torch.randn(2, 7, 8), attention.frequencies(torch.rand(4, 2) * 3, 8)
    torch.testing.assert_close(turned(x, rotation)[:, :3], F.rms_norm(x[:, :3], (8,), eps=1e-6))
    torch.testing.assert_close(turned(x, rotation)[:, 3:], turned(x[:, 3:], rotation))


@pytest.mark.parametrize(("parts", "norms"), [(3, 2), (2, 1), (1, 1)])
def test_the_written_out_gradient_is_the_true_one(parts, norms):
    x = torch.randn(2, 6, parts * 2 * 4, dtype=torch.float64, requires_grad=True)
    rotation = tuple(part.double() for part in attention.frequencies(torch.rand(4, 2), 4))
    assert torch.autograd.gradcheck(lambda x: attention.Heads.apply(x, 2, parts, norms, *rotation), x, atol=1e-4)


def test_rotations_turn_every_pair_by_its_axis():
    cosine, sine = attention.frequencies(Scaled().positions(3, 5), 16)
    assert cosine.shape == sine.shape == (15, 8)
    torch.testing.assert_close(cosine**2 + sine**2, torch.ones(15, 8))
