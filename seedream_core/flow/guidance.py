"""Classifier-free guidance."""

from torch import Tensor


def combine(unconditional: Tensor, conditional: Tensor, scale: float) -> Tensor:
    """v_null + scale (v_text - v_null): 1 is the conditional velocity itself."""
    return unconditional + scale * (conditional - unconditional)
