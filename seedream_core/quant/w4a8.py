"""Linear layers with int4 or int8 weights and int8 activations, dynamic per token (Seedream 4.0, adaptive 4/8 bit).

A weight is `scale[o] · multiplier[o, g] · code[o, k]`: four-bit codes in groups of 64 along the input (narrower layers
are one group), an integer multiplier of at most 15 for each group, one float scale for each output: the two levels of
QServe (arXiv 2405.04532).
So `multiplier · code` fits in eight bits, and the whole layer is *one* int8 × int8 → int32 product whose two scales,
the token's and the output's, come after it: exact, and without a partial sum per group. An eight-bit weight is the same
with codes to ±127 and every multiplier one. Signed multipliers let a group use the code -8 on the side that needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seedream_core import processor
from seedream_core.errors import DataError
from seedream_core.models.network import fill
from seedream_core.quant.packing import pack, unpack

GROUP = 64
LARGEST_MULTIPLIER = 15  # 8 · 15 = 120 stays inside int8
LARGEST_LEVEL = 127
NOT_ZERO = torch.tensor(1e-14)
EXACT_IN_F32 = 2**24
"""Up to here float32 holds every whole number, so that a sum of whole numbers is exact in whatever order."""


@dataclass(frozen=True)
class QuantWeight:
    """The integers and scales of one weight matrix."""

    codes: Tensor  # outputs × inputs, int8: [-8, 7] at four bits, [-127, 127] at eight
    multipliers: Tensor  # outputs × groups, int8
    scale: Tensor  # outputs, f32
    bits: int

    def integers(self) -> Tensor:
        """The int8 matrix of the product: codes times their group's multiplier."""
        return grouped_product(self.codes, self.multipliers)

    def dequantised(self) -> Tensor:
        return self.integers().float() * self.scale.unsqueeze(1)

    def bytes(self) -> int:
        return (
            self.codes.numel() * self.bits // 8 + self.multipliers.numel() * (self.bits == 4) + 4 * self.scale.numel()
        )


def grouped_product(codes: Tensor, multipliers: Tensor) -> Tensor:
    outputs, inputs = codes.shape
    return (codes.view(outputs, multipliers.shape[1], -1) * multipliers.unsqueeze(-1)).view(outputs, inputs)


def groups(inputs: int) -> int | None:
    """How many groups of four-bit codes a row of that many inputs has; None where it cannot be split evenly."""
    size = min(inputs, GROUP)
    return None if inputs % size or size % 2 else inputs // size


def linears(network: nn.Module) -> dict[str, nn.Linear]:
    return {name: module for name, module in network.named_modules() if isinstance(module, nn.Linear)}


def replace_layer(layer: nn.Linear, quantised: QuantLinear) -> None:
    """Turn a layer into its quantised form in place: blocks may hold it by other names too (shared modulation)."""
    layer.__class__, layer.__dict__ = QuantLinear, quantised.__dict__


class QuantLinear(nn.Module):
    """A linear layer in W4A8 (or W8A8). Its state dict holds the packed weight.

    `integers` is unpacked once, when the layer is loaded: int8 where the integer product is fast (1 byte a weight),
    else float32 (4 bytes a weight; 31 MB for the 7.8 million weights of the packaged model), for a product that gives
    the same sums.
    """

    def __init__(self, inputs: int, outputs: int, bits: int, *, bias: bool):
        super().__init__()
        self.in_features, self.out_features, self.bits = inputs, outputs, bits
        if bits == 4:
            self.register_buffer("codes", torch.zeros(outputs, inputs // 2, dtype=torch.uint8))
            self.register_buffer("multipliers", torch.ones(outputs, groups(inputs), dtype=torch.int8))
        else:
            self.register_buffer("codes", torch.zeros(outputs, inputs, dtype=torch.int8))
        self.scale = nn.Parameter(torch.ones(outputs), requires_grad=False)
        self.register_parameter("bias", nn.Parameter(torch.zeros(outputs), requires_grad=False) if bias else None)
        self.register_buffer("integers", torch.zeros(outputs, inputs, dtype=torch.int8), persistent=False)
        self.parts = 1
        self.register_load_state_dict_post_hook(QuantLinear._unpack_after_load)

    @classmethod
    def of(cls, weight: QuantWeight, bias: Tensor | None) -> QuantLinear:
        outputs, inputs = weight.codes.shape
        layer = cls(inputs, outputs, weight.bits, bias=bias is not None)
        if weight.bits == 4:
            layer.codes.copy_(pack(weight.codes))
            layer.multipliers.copy_(weight.multipliers)
        else:
            layer.codes.copy_(weight.codes)
        layer.scale.data.copy_(weight.scale)
        if bias is not None:
            layer.bias.data.copy_(bias)
        layer.unpack()
        return layer

    def unpack(self) -> None:
        """Make `integers` in the type that this device multiplies fast, and choose the parts of its float32 sums."""
        integers = grouped_product(unpack(self.codes), self.multipliers) if self.bits == 4 else self.codes
        self.parts = exact_parts(integers)
        integers = integers.to(product_type(integers.device))
        if integers.dtype == torch.float32:  # an input's weights side by side make a product of few rows faster
            integers = integers.t().contiguous().t()
        self.integers = integers

    @property
    def weight(self) -> Tensor:
        """The float matrix that this layer stands for, outputs × inputs."""
        return self.integers.float() * self.scale.unsqueeze(1)

    @staticmethod
    def _unpack_after_load(layer: QuantLinear, incompatible: object) -> None:
        layer.unpack()

    def _apply(self, *given: Any, **options: Any) -> Self:
        """Moves and casts the layer, as `to` does; what the other device multiplies may be of another type."""
        super()._apply(*given, **options)
        if self.integers.dtype != product_type(self.integers.device):
            self.unpack()
        return self

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            step = token_step(x.detach())
            result = self._differentiable_sums(x, step) * step * self.scale
            return (result if self.bias is None else result + self.bias).to(x.dtype)
        # from the dicts: `self.scale` takes a microsecond, and a picture runs hundreds of small layers
        scale, bias, integers = self._parameters["scale"], self._parameters["bias"], self._buffers["integers"]
        step = token_step(x)
        # in place: a new tensor for each factor costs more than the multiplication
        result = integer_sums((x / step).round_(), integers, self.parts).mul_(step)
        if bias is None:
            result.mul_(scale)
        else:
            torch.addcmul(bias, result, scale, out=result)
        return result.to(x.dtype)

    def _differentiable_sums(self, x: Tensor, step: Tensor) -> Tensor:
        """The same sums in floating point; rounding passes the gradient straight through."""
        exact = x.float() / step
        levels = exact + (exact.round() - exact).detach()
        with torch.autocast(x.device.type, enabled=False):
            return F.linear(levels, self.integers.float())

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bits={self.bits}"


def token_step(x: Tensor) -> Tensor:
    """The size of one int8 level of each token, ... x 1 in float32: its largest value is level 127."""
    # on a CPU linalg.vector_norm(x, inf) is two to five times slower
    return torch.add(NOT_ZERO, x.abs().amax(-1, keepdim=True).float(), alpha=1 / LARGEST_LEVEL)


def product_type(device: torch.device) -> torch.dtype:
    """The type in which int8 matrices are multiplied: int8 itself on CPUs that are fast at it, else float32."""
    # CUDA's int8 product takes only some shapes
    return torch.int8 if device.type == "cpu" and processor.fast_int8() else torch.float32


def exact_parts(integers: Tensor) -> int:
    """Into how many ranges the columns must be split so that float32 sums over each are exact for any int8 levels.

    The bound is that of these weights, not of the widest: a row adds up to at most 127 times the sum of its absolute
    values. Rows of 1,040 inputs always fit (127 · 127 · 1,040 < 2^24); normally distributed weights still fit at 4,096.
    """
    sizes, inputs = integers.abs().long(), integers.shape[1]
    parts = 1
    while max(int(part.sum(1).max()) for part in sizes.chunk(parts, 1)) * LARGEST_LEVEL > EXACT_IN_F32:
        parts = min(2 * parts, inputs)
    return parts


def integer_sums(levels: Tensor, integers: Tensor, parts: int) -> Tensor:
    """levels · integersᵀ as f32, for whole numbers of at most ±127 in f32; levels are ... x inputs.

    One int8 product where `integers` are int8. Where they are f32, so is the product: `parts` exact ones, added up as
    int32 so that the sum is rounded once, as the int8 product's is.
    """
    if integers.dtype == torch.int8:
        rows = levels.to(torch.int8).reshape(-1, levels.shape[-1])
        return torch._int_mm(rows, integers.t()).float().view(*levels.shape[:-1], len(integers))
    if torch.is_autocast_enabled(levels.device.type):
        with torch.autocast(levels.device.type, enabled=False):
            return integer_sums(levels, integers, parts)
    if parts == 1:
        return levels @ integers.t()
    pairs = zip(levels.chunk(parts, -1), integers.chunk(parts, 1))
    return sum((some @ part.t()).to(torch.int32) for some, part in pairs).float()


def quantise(network: nn.Module, weights: Mapping[str, QuantWeight]) -> nn.Module:
    """Put integer layers in the place of the named linear layers."""
    for name, weight in weights.items():
        layer = network.get_submodule(name)
        replace_layer(layer, QuantLinear.of(weight, None if layer.bias is None else layer.bias.detach()))
    return network


def dequantise(network: nn.Module) -> nn.Module:
    """Put float layers in the place of the integer ones, as they stand: to be trained again."""
    for layer in [module for module in network.modules() if isinstance(module, QuantLinear)]:
        plain = nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None)
        plain.weight.data.copy_(layer.weight)
        if layer.bias is not None:
            plain.bias.data.copy_(layer.bias)
        layer.__class__, layer.__dict__ = nn.Linear, plain.__dict__
    return network


def restore(network: nn.Module, tensors: Mapping[str, Tensor], origin: Path) -> nn.Module:
    """Give a fresh network the integer layers that saved tensors describe, and fill it."""
    layers = linears(network)
    for name in [key.removesuffix(".codes") for key in tensors if key.endswith(".codes")]:
        if name not in layers:
            raise DataError(
                f"{origin}: quantised weights for {name!r}, which the network lacks", "make the artifact again"
            )
        layer, bits = layers[name], 4 if tensors[f"{name}.codes"].dtype == torch.uint8 else 8
        replace_layer(layer, QuantLinear(layer.in_features, layer.out_features, bits, bias=layer.bias is not None))
    fill(network, tensors, origin)
    return network


def stored(network: nn.Module) -> dict[str, Tensor]:
    """The tensors of a quantised network as they go to disk: integers packed, scales f32, all else bf16."""

    def cast(name: str, tensor: Tensor) -> Tensor:
        return tensor if name in scales or not tensor.is_floating_point() else tensor.to(torch.bfloat16)

    scales = {f"{name}.scale" for name, layer in network.named_modules() if isinstance(layer, QuantLinear)}
    return {name: cast(name, tensor) for name, tensor in network.state_dict().items()}
