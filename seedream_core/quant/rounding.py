"""Rounds weights to integers: searches the scales, then compensates rounding errors column by column (GPTQ, arXiv
2210.17323).

The rounding takes columns in falling order of their activations' energy and moves each column's error onto the columns
still to come, by the inverse Cholesky factor of the activations' second moments; a least-squares fit of each output's
scale ends it. Departures: the multipliers are fixed before the rounding (so the order is free of the groups), found by
trying all of them rather than by a clip ratio.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seedream_core.quant.w4a8 import LARGEST_MULTIPLIER, QuantWeight, groups

CLIPS = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1)
# share of the mean diagonal added to it: columns that never fired would make the factor singular
DAMPING = 0.01


def round_weight(weight: Tensor, moments: Tensor | None, bits: int, *, compensate: bool = True) -> QuantWeight:
    """Integers for a float weight, outputs × inputs; `moments` is the mean of x xᵀ over calibration inputs x."""
    weight = weight.detach().float()
    if moments is None:
        moments = torch.eye(weight.shape[1])
    moments = damped(moments.float())
    lowest, highest = (-8, 7) if bits == 4 else (-127, 127)
    if bits == 4:
        scale, multipliers = search_scales(weight, moments.diagonal())
    else:
        scale = (weight.abs().amax(1) / highest).clamp_min(1e-12)
        multipliers = torch.ones(weight.shape[0], 1, dtype=torch.int8)
    steps = (scale.unsqueeze(1) * multipliers).repeat_interleave(weight.shape[1] // multipliers.shape[1], dim=1)
    codes = (
        compensated(weight, steps, moments, lowest, highest) if compensate else nearest(weight, steps, lowest, highest)
    )
    rounded = QuantWeight(codes.to(torch.int8), multipliers, scale, bits)
    return QuantWeight(rounded.codes, multipliers, fitted_scale(weight, rounded, moments), bits)


def damped(moments: Tensor) -> Tensor:
    share = DAMPING * moments.diagonal().mean().clamp_min(1e-12)
    return moments + share * torch.eye(len(moments))


def nearest(weight: Tensor, steps: Tensor, lowest: int, highest: int) -> Tensor:
    return (weight / steps).round().clamp(lowest, highest)


def search_scales(weight: Tensor, energy: Tensor) -> tuple[Tensor, Tensor]:
    """Scale of each output and signed multiplier of each group with the least error, weighted by the inputs' energy."""
    outputs, inputs = weight.shape
    grouped = weight.view(outputs, groups(inputs), -1)
    importance = energy.view(1, groups(inputs), -1)
    widest = grouped.abs().amax((1, 2)).clamp_min(1e-12) / (7 * LARGEST_MULTIPLIER)
    best_error = torch.full((outputs,), torch.inf)
    best_scale, best_multipliers = widest, torch.ones(grouped.shape[:2])
    for clip in CLIPS:
        scale = widest * clip
        errors, choices = torch.full(grouped.shape[:2], torch.inf), torch.ones(grouped.shape[:2])
        for multiplier in (*range(-LARGEST_MULTIPLIER, 0), *range(1, LARGEST_MULTIPLIER + 1)):
            step = (scale * multiplier).view(-1, 1, 1)
            error = (importance * ((grouped / step).round().clamp(-8, 7) * step - grouped).square()).sum(-1)
            choices = torch.where(error < errors, multiplier, choices)
            errors = torch.minimum(error, errors)
        better = errors.sum(1) < best_error
        best_error = torch.where(better, errors.sum(1), best_error)
        best_scale = torch.where(better, scale, best_scale)
        best_multipliers = torch.where(better.unsqueeze(1), choices, best_multipliers)
    return best_scale, best_multipliers.to(torch.int8)


def compensated(weight: Tensor, steps: Tensor, moments: Tensor, lowest: int, highest: int) -> Tensor:
    """Codes rounded one column after another, each column's error made up for by those that follow."""
    order = moments.diagonal().argsort(descending=True)
    left, steps = weight[:, order].clone(), steps[:, order]
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(moments[order][:, order].double()))
    factor = torch.linalg.cholesky(inverse, upper=True).float()
    codes = torch.empty_like(left)
    for column in range(left.shape[1]):
        step = steps[:, column]
        codes[:, column] = (left[:, column] / step).round().clamp(lowest, highest)
        error = (left[:, column] - codes[:, column] * step) / factor[column, column]
        left[:, column + 1 :].addr_(error, factor[column, column + 1 :], alpha=-1)
    return codes[:, order.argsort()]


def fitted_scale(weight: Tensor, rounded: QuantWeight, moments: Tensor) -> Tensor:
    """The scale of each output that leaves the least error in the output, its integers given."""
    integers = rounded.integers().float()
    projected = integers @ moments
    energy = (projected * integers).sum(1)
    return torch.where(energy > 0, (projected * weight).sum(1) / energy.clamp_min(1e-12), rounded.scale)
