"""Compensated rounding beats rounding to nearest where inputs are correlated; scales are searched, not assumed."""

import pytest
import torch

from seedream_core.quant.rounding import QuantWeight, damped, round_weight


def output_error(weight: torch.Tensor, rounded: QuantWeight, moments: torch.Tensor) -> float:
    """Relative error of the layer's output over inputs with these second moments."""
    difference = rounded.dequantised() - weight
    square = ((difference @ moments) * difference).sum() / ((weight @ moments) * weight).sum().clamp_min(1e-30)
    return float(square.clamp_min(0).sqrt())


def correlated(inputs: int = 128, rank: int = 16) -> torch.Tensor:
    torch.manual_seed(1)
    x = torch.randn(2000, rank) @ torch.randn(rank, inputs) / rank**0.5 + 0.3 * torch.randn(2000, inputs)
    return x.T @ x / len(x)


def test_compensation_beats_rounding_to_nearest_on_correlated_inputs():
    moments = correlated()
    weight = torch.randn(64, 128)
    nearest, compensated = (
        output_error(weight, round_weight(weight, moments, 4, compensate=way), moments) for way in (False, True)
    )
    assert compensated < 0.6 * nearest


def test_the_scale_search_beats_the_largest_value_as_scale():
    torch.manual_seed(0)
    weight = torch.randn(64, 512)
    grouped = weight.view(64, 8, 64)
    step = grouped.abs().amax(-1, keepdim=True) / 7
    plain = ((grouped / step).round() * step - grouped).norm() / grouped.norm()
    assert output_error(weight, round_weight(weight, None, 4), torch.eye(512)) < 0.9 * plain


@pytest.mark.parametrize("bits, most", [(4, 0.11), (8, 0.01)])
def test_errors_stay_where_the_bits_put_them(bits, most):
    torch.manual_seed(0)
    weight = torch.randn(32, 192)
    assert output_error(weight, round_weight(weight, None, bits), torch.eye(192)) < most


def test_inputs_that_never_fire_and_empty_outputs_are_no_trouble():
    moments = correlated()
    moments[:5] = moments[:, :5] = 0
    weight = torch.randn(16, 128)
    weight[3] = 0
    rounded = round_weight(weight, moments, 4)
    assert bool(rounded.scale.isfinite().all()) and not rounded.dequantised()[3].any()


@pytest.mark.parametrize("bits", [4, 8])
def test_the_fitted_scale_is_the_best_one_for_its_integers(bits):
    moments = correlated()
    torch.manual_seed(0)
    weight = torch.randn(64, 128)
    rounded = round_weight(weight, moments, bits)

    def errors(factor: float) -> torch.Tensor:
        """Squared error of each output with its scale changed, in float64."""
        difference = rounded.dequantised().double() * factor - weight.double()
        return ((difference @ damped(moments).double()) * difference).sum(1)

    change = 1e-3 if bits == 4 else 1e-5
    assert bool((errors(1 + change) > errors(1)).all()) and bool((errors(1 - change) > errors(1)).all())
