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


def test_scores_depend_on_distance_only():
    """Rotating queries and keys by equal offsets leaves their products unchanged."""
    q, k = torch.randn(2, 1, 1, 6, 16)
    positions = torch.rand(6, 2) * 5
    scores = []
    for offset in (0.0, 3.25):
        rotation = attention.frequencies(positions + offset, 16)
        turned = (attention.normalise_and_rotate(x, *rotation) for x in (q, k))
        scores.append(next(turned) @ next(turned).transpose(-2, -1))
    torch.testing.assert_close(scores[0], scores[1], atol=1e-5, rtol=1e-5)


def test_without_rotation_it_is_torchs_rms_norm():
    x = torch.randn(2, 3, 5, 8)
    none = (torch.ones(5, 4), torch.zeros(5, 4))
    torch.testing.assert_close(attention.normalise_and_rotate(x, *none), F.rms_norm(x, (8,), eps=1e-6))


def test_the_written_out_gradient_is_the_true_one():
    x = torch.randn(2, 1, 5, 8, dtype=torch.float64, requires_grad=True)
    rotation = tuple(part.double() for part in attention.frequencies(torch.rand(5, 2), 8))
    assert torch.autograd.gradcheck(lambda x: attention.NormRotate.apply(x, *rotation), x, atol=1e-4)


def test_rotations_turn_every_pair_by_its_axis():
    cosine, sine = attention.frequencies(Scaled().positions(3, 5), 16)
    assert cosine.shape == sine.shape == (15, 8)
    torch.testing.assert_close(cosine**2 + sine**2, torch.ones(15, 8))
