"""Packs two four-bit codes into a byte: even columns in the low half, odd columns in the high half."""

from __future__ import annotations

import torch
from torch import Tensor

from seedream_core.errors import DataError


def pack(codes: Tensor) -> Tensor:
    """Codes in [-8, 7], rows × columns with an even number of columns, to bytes, rows × columns/2."""
    if codes.shape[-1] % 2:
        raise ValueError(f"{codes.shape[-1]} columns cannot be packed in pairs")
    if codes.numel() and (int(codes.min()) < -8 or int(codes.max()) > 7):
        raise ValueError("a code lies outside [-8, 7]")
    halves = codes.to(torch.int16) & 0xF
    return (halves[..., 0::2] | halves[..., 1::2] << 4).to(torch.uint8)


def unpack(packed: Tensor) -> Tensor:
    """Bytes, rows × columns/2, back to int8 codes in [-8, 7], rows × columns."""
    if packed.dtype != torch.uint8:
        raise DataError(f"packed four-bit codes are bytes, not {packed.dtype}", "quantise the model again")
    # the shift right of a signed byte copies the sign bit, so one shift left and one right extend four bits to eight
    low = (packed << 4).view(torch.int8) >> 4
    high = packed.view(torch.int8) >> 4
    return torch.stack((low, high), dim=-1).flatten(-2)
