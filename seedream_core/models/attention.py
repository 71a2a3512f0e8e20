"""Joint attention over text and image tokens, with rotary positions."""

import torch
import torch.nn.functional as F
from torch import Tensor

# Up to this many tokens the score matrix is small and plain matmul-softmax-matmul beats
# scaled_dot_product_attention on CPU 2.4-2.6 times in bf16 (measured on AVX512-BF16).
PLAIN_ATTENTION_TOKENS = 1024


def frequencies(positions: Tensor, head_dim: int, theta: float = 100.0) -> tuple[Tensor, Tensor]:
    """Cosines and sines of axial rotations: N x axes positions -> two N x (head_dim / 2), float32.

    Each axis takes an equal share of the head's pairs. `theta` is far below the
    usual 10,000: latents span tens to hundreds of tokens, not thousands.
    """
    axes = positions.shape[-1]
    pairs = head_dim // 2 // axes
    rates = theta ** (-torch.arange(pairs, device=positions.device, dtype=torch.float32) / pairs)
    angles = (positions.float()[:, :, None] * rates).flatten(1)
    angles = F.pad(angles, (0, head_dim // 2 - angles.shape[1]))
    return angles.cos(), angles.sin()


class Heads(torch.autograd.Function):
    """Projected tokens -> heads, the leading parts RMS-normalised and rotated, with few passes over memory.

    A custom autograd function, because RMSNorm, rotation and the copies between layouts took a quarter of a training
    step on CPU with autograd's operations. Without a learned scale norm and rotation commute, and |q| |k| / sqrt(d)
    bounds the scores.
    """

    EPS = 1e-6

    @staticmethod
    def forward(
        ctx, projected: Tensor, heads: int, parts: int, turned: int, cosine: Tensor, sine: Tensor
    ) -> tuple[Tensor, ...]:
        split = projected.unflatten(-1, (parts, heads, -1)).permute(2, 0, 3, 1, 4)
        x = split[:turned]
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        inverse = (norm.square() / x.shape[-1] + Heads.EPS).rsqrt()
        text = x.shape[-2] - len(cosine)
        out = x.new_empty(x.shape)
        torch.mul(x[..., :text, :], inverse[..., :text, :], out=out[..., :text, :])
        _rotate(x[..., text:, :], cosine, sine, out[..., text:, :])
        out[..., text:, :].mul_(inverse[..., text:, :])
        ctx.save_for_backward(out, inverse, cosine, sine)
        ctx.parts = parts
        return *out.unbind(), *(part.contiguous() for part in split[turned:])

    @staticmethod
    def backward(ctx, *grads: Tensor) -> tuple[Tensor | None, ...]:
        out, inverse, cosine, sine = ctx.saved_tensors
        batch, heads, tokens, size = grads[0].shape
        text = tokens - len(cosine)
        grad = grads[0].new_empty(batch, tokens, ctx.parts, heads, size)
        split = grad.permute(2, 0, 3, 1, 4)
        for into, given, normed, factor in zip(split, grads, out, inverse):
            # rotation keeps dot products, so the norm's gradient can be computed before the rotation is undone
            along = (given * normed).mean(-1, keepdim=True)
            left = torch.addcmul(given, normed, along, value=-1).mul_(factor)
            into[..., :text, :] = left[..., :text, :]
            _rotate(left[..., text:, :], cosine, -sine, into[..., text:, :])
        for into, given in zip(split[len(out) :], grads[len(out) :]):
            into.copy_(given)
        return grad.flatten(2), None, None, None, None, None


def split_heads(
    projected: Tensor, heads: int, rotation: tuple[Tensor, Tensor], *, parts: int, turned: int
) -> tuple[Tensor, ...]:
    """B x N x (parts * width) -> `parts` times B x heads x N x head_dim (QK-RMSNorm, 2D RoPE).

    The first `turned` parts (queries, keys) are normalised and rotated. Rotations, M x (head_dim / 2), are for the last
    M tokens; text tokens come before them and are not rotated.
    """
    return Heads.apply(projected, heads, parts, turned, *(part.to(projected.dtype) for part in rotation))


def _rotate(x: Tensor, cosine: Tensor, sine: Tensor, out: Tensor) -> None:
    half = x.shape[-1] // 2
    first, second = x[..., :half], x[..., half:]
    torch.mul(first, cosine, out=out[..., :half]).addcmul_(second, sine, value=-1)
    torch.mul(second, cosine, out=out[..., half:]).addcmul_(first, sine)


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    """softmax(q kᵀ / √d + bias) v for B x heads x N x head_dim; bias is B x 1 x 1 x N, 0 or -inf."""
    if q.device.type == "cpu" and q.shape[2] <= PLAIN_ATTENTION_TOKENS:
        scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
        if bias is not None:
            scores = scores + bias.to(scores.dtype)
        return scores.softmax(dim=-1, dtype=torch.float32).to(v.dtype) @ v
    mask = None if bias is None else bias.to(q.dtype)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def padding_bias(text_mask: Tensor, image_tokens: int) -> Tensor | None:
    """B x 1 x 1 x (L + N), -inf at the padding of the text, which comes before the image; None without padding."""
    if text_mask.is_meta or bool(text_mask.all()):
        return None
    hidden = F.pad(~text_mask, (0, image_tokens), value=False)
    bias = torch.zeros(hidden.shape, device=hidden.device).masked_fill(hidden, float("-inf"))
    return bias[:, None, None, :]
