"""The layer that matters gets the bits, and the budget holds."""

import pytest
import torch
from torch import nn

from seedream_core.quant.sensitivity import Option, choose, input_moments, options, relative_error


class Planted(nn.Module):
    """The output hangs on `loud` a hundred times more than on the others."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.quiet, self.loud, self.idle = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 64)

    def forward(self, x):
        return 0.01 * self.quiet(x) + self.loud(x)


@pytest.fixture(scope="module")
def table():
    x = torch.randn(50, 64)
    with torch.no_grad():
        return options(Planted(), lambda network: network(x))


def test_the_planted_layer_is_found_and_layers_without_input_are_left_out(table):
    assert set(table) == {"quiet", "loud"}
    assert table["loud"][0].error > 100 * table["quiet"][0].error
    assert [option.bits for option in table["loud"]] == [4, 8, 16]
    assert table["loud"][0].error > table["loud"][1].error > table["loud"][2].error == 0


def test_a_budget_for_one_wide_layer_goes_to_the_planted_one(table):
    least = sum(found[0].bytes for found in table.values())
    chosen = choose(table, least + table["loud"][1].bytes - table["loud"][0].bytes)
    assert (chosen["loud"].bits, chosen["quiet"].bits) == (8, 4)


@pytest.mark.parametrize("budget", [0, 10_000, 13_000, 10**6])
def test_the_budget_is_never_passed_unless_the_least_passes_it(table, budget):
    least = sum(found[0].bytes for found in table.values())
    assert sum(option.bytes for option in choose(table, budget).values()) <= max(budget, least)


def test_a_width_that_brings_nothing_is_not_bought():
    flat = (Option(4, 10, 0.0, None), Option(8, 20, 0.0, None))
    assert choose({"flat": flat}, 100)["flat"].bits == 4


def test_measuring_leaves_the_network_as_it_was():
    network, x = Planted(), torch.randn(50, 64)
    with torch.no_grad():
        before = network(x)
        options(network, lambda n: n(x))
        assert torch.equal(network(x), before)
    assert not network.loud._forward_pre_hooks


def test_moments_are_those_of_the_inputs():
    network, x = Planted(), torch.randn(50, 64)
    torch.testing.assert_close(input_moments(network, lambda n: n(x))["loud"], x.T @ x / 50)


def test_relative_error_is_one_for_silence():
    assert relative_error(torch.zeros(3), torch.ones(3)) == pytest.approx(1)
