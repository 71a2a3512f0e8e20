"""The integer layer equals its dequantised self, whichever way it is computed, and survives being saved."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from seedream_core.quant import w4a8
from seedream_core.quant.rounding import round_weight
from seedream_core.quant.w4a8 import (
    QuantLinear,
    QuantWeight,
    exact_parts,
    groups,
    integer_sums,
    quantise,
    restore,
    token_step,
)


def layer(inputs: int = 192, outputs: int = 40, bits: int = 4, seed: int = 0) -> tuple[nn.Linear, QuantWeight]:
    torch.manual_seed(seed)
    linear = nn.Linear(inputs, outputs)
    return linear, round_weight(linear.weight, None, bits)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("inputs", [48, 64, 192])
def test_the_integer_path_equals_dequantised_weights_on_rounded_activations(bits, inputs):
    linear, weight = layer(inputs, bits=bits)
    x = torch.randn(3, 5, inputs)
    step = token_step(x.view(-1, inputs))
    rounded = (x.view(-1, inputs) / step).round() * step
    expected = F.linear(rounded.double(), weight.dequantised().double(), linear.bias.double()).view(3, 5, -1)
    with torch.no_grad():
        answer = QuantLinear.of(weight, linear.bias)(x)
    torch.testing.assert_close(answer.double(), expected, rtol=1e-5, atol=1e-6)


def on_each_path(monkeypatch, layer: QuantLinear, x: torch.Tensor) -> list[torch.Tensor]:
    """The layer's answers by the int8 product and by the float32 one."""
    answers = []
    for fast in (True, False):
        monkeypatch.setattr(w4a8.processor, "fast_int8", lambda fast=fast: fast)
        layer.to(x.device)  # as when it is moved: it unpacks for what is fast there
        with torch.no_grad():
            answers.append(layer(x))
        assert layer.integers.dtype == (torch.int8 if fast else torch.float32)
    return answers


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("inputs", [64, 1024, 1088, 4096])
def test_both_products_give_the_same_answer_to_the_last_bit(inputs, bits, monkeypatch):
    linear, weight = layer(inputs, bits=bits)
    x = 3 * torch.randn(2, 7, inputs)
    by_integers, by_floats = on_each_path(monkeypatch, QuantLinear.of(weight, linear.bias), x)
    assert torch.equal(by_integers, by_floats)


@pytest.mark.parametrize("inputs, parts", [(1040, 1), (1041, 2), (4161, 8)])
def test_the_largest_sums_are_exact_on_both_sides_of_the_bound(inputs, parts, monkeypatch):
    codes = torch.full((3, inputs), 127, dtype=torch.int8)
    codes[1, ::2] = -127
    weight = QuantWeight(codes, torch.ones(3, 1, dtype=torch.int8), torch.ones(3), 8)
    quantised = QuantLinear.of(weight, None)
    assert quantised.parts == parts
    # odd sums above 2^24 are not float32 numbers: these must be rounded once, to the nearest
    x = torch.full((4, inputs), 127.0)
    x[1, 0], x[2, :] = 126, -127
    x[3] = torch.randint(-127, 128, (inputs,), generator=torch.Generator().manual_seed(0)).clamp(-126, 127)
    x[3, 0] = 127
    expected = (x.long() @ codes.long().T).float()
    assert [torch.equal(answer, expected) for answer in on_each_path(monkeypatch, quantised, x)] == [True, True]


def test_the_float_product_unpacks_once(monkeypatch):
    linear, weight = layer()
    monkeypatch.setattr(w4a8.processor, "fast_int8", lambda: False)
    quantised, unpacked = QuantLinear.of(weight, linear.bias), []
    monkeypatch.setattr(QuantLinear, "unpack", lambda layer: unpacked.append(layer))
    with torch.no_grad():
        for _ in range(3):
            quantised.to("cpu")(torch.randn(2, 192))
    assert unpacked == []


def test_a_cast_leaves_the_integers_whole(monkeypatch):
    monkeypatch.setattr(w4a8.processor, "fast_int8", lambda: False)
    linear, weight = layer()
    quantised, x = QuantLinear.of(weight, linear.bias), torch.randn(2, 192)
    with torch.no_grad():
        assert torch.equal(quantised.to(torch.bfloat16).integers, weight.integers().float())
        with torch.autocast("cpu", torch.bfloat16):
            under = quantised.float()(x)
        assert torch.equal(under, quantised(x)) and under.dtype == torch.float32
        assert quantised(x.bfloat16()).dtype == torch.bfloat16


def test_each_token_has_a_step_of_its_own():
    _, weight = layer(64, 8)
    x = torch.randn(4, 64) * torch.tensor([[1e-3], [1.0], [50.0], [1e4]])
    with torch.no_grad():
        answer = QuantLinear.of(weight, None)(x)
    for row, found in zip(x.tolist(), answer):
        step = max(abs(value) for value in row) / 127
        levels = torch.tensor([round(value / step) for value in row], dtype=torch.double)
        expected = step * (weight.dequantised().double() @ levels)
        torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-6 * float(expected.abs().max()))


def test_the_differentiable_path_gives_the_same_answer_and_a_gradient():
    linear, weight = layer()
    quantised = QuantLinear.of(weight, linear.bias)
    quantised.scale.requires_grad_(True)
    x = torch.randn(6, 192, requires_grad=True)
    with torch.no_grad():
        expected = quantised(x)
    answer = quantised(x)
    torch.testing.assert_close(answer, expected, rtol=1e-5, atol=1e-6)
    answer.square().sum().backward()
    assert x.grad.abs().sum() > 0 and quantised.scale.grad.abs().sum() > 0


def test_multipliers_and_codes_stay_inside_eight_bits():
    _, weight = layer()
    assert int(weight.integers().abs().max()) <= 120
    assert weight.multipliers.shape == (40, 3)


def test_rows_that_cannot_be_grouped_evenly_have_no_four_bit_form():
    assert [groups(inputs) for inputs in (16, 48, 64, 192, 96, 15)] == [1, 1, 1, 3, None, None]


class Shared(nn.Module):
    """Two uses of one layer, one of them out of sight of `named_modules`."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(64, 64)
        self.held = [self.first]
        self.norm = nn.LayerNorm(64)

    def forward(self, x):
        return self.held[0](self.norm(self.first(x)))


def test_a_layer_is_replaced_wherever_it_is_held():
    network = quantise(Shared(), {"first": layer(64, 64)[1]})
    assert network.held[0] is network.first and isinstance(network.held[0], QuantLinear)


def test_saved_and_restored_networks_answer_alike(tmp_path):
    network = Shared()
    torch.nn.init.normal_(network.norm.bias)
    quantised = quantise(copy.deepcopy(network), {"first": round_weight(network.first.weight, None, 4)})
    tensors = {name: tensor.clone() for name, tensor in quantised.state_dict().items()}
    assert set(tensors) == {"first.codes", "first.multipliers", "first.scale", "first.bias", "norm.weight", "norm.bias"}
    x = torch.randn(5, 64)
    with torch.no_grad():
        assert torch.equal(restore(Shared(), tensors, tmp_path)(x), quantised(x))


def test_sixteen_bits_change_nothing():
    network = Shared()
    x = torch.randn(5, 64)
    assert torch.equal(quantise(copy.deepcopy(network), {})(x), network(x))


def test_sums_of_several_parts_are_rounded_once():
    torch.manual_seed(0)
    levels, integers = (torch.randint(110, 128, (64, 4096)) for _ in range(2))
    parts = exact_parts(integers.to(torch.int8))
    pairs = zip(levels.chunk(parts, 1), integers.chunk(parts, 1))
    rounded_twice = sum((some @ part.t()).float() for some, part in pairs)
    exact = (levels @ integers.t()).float()  # from int64
    assert parts >= 4 and not torch.equal(rounded_twice, exact)
    assert torch.equal(integer_sums(levels.float(), integers.float(), parts), exact)
