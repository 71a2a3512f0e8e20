"""Chooses 4, 8 or 16 bits per layer by the measured change of the network's output, under a size budget (Seedream 4.0).

Each layer is quantised alone and the network's answer to the same inputs measured against the original's. Squared
errors of single layers are taken to add up; from all layers at their fewest bits, the widening that removes the most
error for its bytes comes first, for as long as the budget lasts.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save
from torch import Tensor, nn

from seedream_core.errors import UserError
from seedream_core.quant.rounding import round_weight
from seedream_core.quant.w4a8 import QuantLinear, QuantWeight, groups, linears, quantise, replace_layer, stored
from seedream_core.workflow.artifact import write_atomic

Answer = Callable[[nn.Module], Tensor]  # a network's velocities for the calibration inputs


@dataclass(frozen=True)
class Option:
    """One width of one layer: its bytes, and the squared relative error of the output when it alone has that width."""

    bits: int
    bytes: int
    error: float
    weight: QuantWeight | None  # None at 16 bits


def relative_error(answer: Tensor, reference: Tensor) -> float:
    return float((answer - reference).square().sum().sqrt() / reference.square().sum().sqrt().clamp_min(1e-12))


@contextmanager
def as_quantised(layer: nn.Linear, weight: QuantWeight) -> Iterator[None]:
    """The layer in its quantised form for the length of a measurement."""
    kept = layer.__class__, layer.__dict__
    replace_layer(layer, QuantLinear.of(weight, layer.bias))
    try:
        yield
    finally:
        layer.__class__, layer.__dict__ = kept


def input_moments(network: nn.Module, answer: Answer) -> dict[str, Tensor]:
    """Mean of x xᵀ over each linear layer's inputs while the network answers."""
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}

    def watch(name: str) -> Callable:
        def hook(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            rows = inputs[0].detach().reshape(-1, layer.in_features).float()
            sums[name] = sums.get(name, 0) + rows.T @ rows
            counts[name] = counts.get(name, 0) + len(rows)

        return hook

    hooks = [layer.register_forward_pre_hook(watch(name)) for name, layer in linears(network).items()]
    try:
        answer(network)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: sums[name] / counts[name] for name in sums}


def options(
    network: nn.Module, answer: Answer, *, compensate: bool = True, done: Callable[[], object] = lambda: None
) -> dict[str, tuple[Option, ...]]:
    """Every linear layer's widths, the smallest first. A layer that the answer never reached stays at 16 bits."""
    moments = input_moments(network, answer)
    reference = answer(network)
    table: dict[str, tuple[Option, ...]] = {}
    for name in [name for name in linears(network) if name in moments]:
        layer = network.get_submodule(name)
        found = []
        for bits in (4, 8) if groups(layer.in_features) else (8,):
            weight = round_weight(layer.weight, moments[name], bits, compensate=compensate)
            with as_quantised(layer, weight):
                error = relative_error(answer(network), reference)
            found.append(Option(bits, weight.bytes(), error**2, weight))
            done()
        table[name] = (*found, Option(16, 2 * layer.weight.numel(), 0.0, None))
    return table


def choose(table: Mapping[str, tuple[Option, ...]], budget: int) -> dict[str, Option]:
    """The widths that a budget of bytes for all these layers together buys."""
    level = dict.fromkeys(table, 0)
    spent = sum(found[0].bytes for found in table.values())
    while True:
        steps = []
        for name, found in table.items():
            now = found[level[name]]
            for index in range(level[name] + 1, len(found)):
                extra = found[index].bytes - now.bytes
                if spent + extra <= budget and now.error > found[index].error:
                    steps.append(((now.error - found[index].error) / max(extra, 1), name, index, extra))
        if not steps:
            return {name: found[level[name]] for name, found in table.items()}
        _, name, index, extra = max(steps)
        level[name] = index
        spent += extra


def within(network: nn.Module, table: Mapping[str, tuple[Option, ...]], share: float) -> dict[str, Option]:
    """The widths for a file of at most this share of all the network's tensors in bf16, its header included."""
    least = quantise(copy.deepcopy(network), {name: found[0].weight for name, found in table.items()})
    size, weights = len(save(stored(least))), sum(found[0].bytes for found in table.values())
    total = 2 * sum(tensor.numel() for tensor in network.state_dict().values())
    if size > share * total:
        raise UserError(
            f"budget: this network is {size / total:.3f} of its bf16 size at the least, more than {share:g}",
            f"set budget to {size / total + 0.005:.2f} or more",
        )
    # a wider layer has no more tensors than a four-bit one, so what is not its weights only shrinks
    return choose(table, int(share * total) - (size - weights))


def write(path: Path, table: Mapping[str, tuple[Option, ...]], chosen: Mapping[str, Option]) -> None:
    """One line per layer: the output's relative error at each width alone, and the width it got."""
    rows = (
        {
            "layer": name,
            "bits": chosen[name].bits,
            "bytes": chosen[name].bytes,
            "errors": {str(option.bits): option.error**0.5 for option in found},
        }
        for name, found in table.items()
    )
    write_atomic(path, "".join(json.dumps(row) + "\n" for row in rows))
