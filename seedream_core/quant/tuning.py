"""Tunes a quantised network's scales and biases towards the original's outputs; the integers stay fixed (Seedream
2.0).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from seedream_core.quant.sensitivity import Answer
from seedream_core.quant.w4a8 import QuantLinear

Track = Callable[[int], object]


def tune_scales(
    network: nn.Module,
    original: nn.Module,
    answers: Callable[[int], Answer],
    steps: int,
    rate: float,
    after: Track = lambda step: None,
) -> None:
    """`steps` updates towards the original's answers; `answers(step)` asks either network about that step's inputs.

    Adam's steps are absolute, scales are not: each layer's rate is a fraction of its mean scale.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, QuantLinear)]
    groups = [{"params": [layer.scale], "size": float(layer.scale.abs().mean())} for layer in layers]
    groups += [{"params": [layer.bias], "size": 0.1} for layer in layers if layer.bias is not None]
    tuned = [parameter for group in groups for parameter in group["params"]]
    optimizer = torch.optim.Adam(groups, lr=rate, betas=(0.9, 0.99))
    kept = [parameter.requires_grad for parameter in network.parameters()]
    network.requires_grad_(False)
    for parameter in tuned:
        parameter.requires_grad_(True)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * group["size"] * (1 - step / steps)
        answer = answers(step)
        with torch.no_grad():
            wanted = answer(original)
        loss = (answer(network) - wanted).square().mean() / wanted.square().mean().clamp_min(1e-12)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        after(step)
    for parameter, trains in zip(network.parameters(), kept, strict=True):
        parameter.requires_grad_(trains)
