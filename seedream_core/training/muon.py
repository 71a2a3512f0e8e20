"""Muon (Jordan 2024): momentum whose matrices are made orthogonal; torch's update, with equal shapes in one product.

One matrix at a time, as torch does it, leaves a second core idle: these matrices are too small to be shared out.
"""

import math
from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim import Optimizer

from seedream_core import processor

# Jordan's quintic and number of iterations: singular values end within 0.7 ... 1.2 rather than at 1.
QUINTIC = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
MOMENTUM = 0.95


class Muon(Optimizer):
    """For matrices. Updates are as large as AdamW's (0.2 per element), so that one learning rate serves both."""

    def __init__(self, matrices: Iterable[Tensor], lr: float, weight_decay: float = 0.0) -> None:
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            moved = [p for p in group["params"] if p.grad is not None]
            if not moved:
                continue
            gradients = [p.grad for p in moved]
            for p in moved:
                if not self.state[p]:
                    self.state[p]["momentum_buffer"] = torch.zeros_like(p)
            momenta = [self.state[p]["momentum_buffer"] for p in moved]
            torch._foreach_lerp_(momenta, gradients, 1 - MOMENTUM)
            updates = torch._foreach_lerp(gradients, momenta, MOMENTUM)
            torch._foreach_mul_(moved, 1 - group["lr"] * group["weight_decay"])
            shapes: dict[torch.Size, list[int]] = defaultdict(list)
            for index, p in enumerate(moved):
                shapes[p.shape].append(index)
            for shape, indices in shapes.items():
                orthogonal = orthogonalise(torch.stack([updates[index] for index in indices]))
                size = 0.2 * math.sqrt(max(shape))
                torch._foreach_add_(
                    [moved[index] for index in indices], list(orthogonal.to(moved[0].dtype)), alpha=-group["lr"] * size
                )


def orthogonalise(matrices: Tensor) -> Tensor:
    """N matrices of one shape -> their nearest orthogonal ones, nearly (Newton-Schulz).

    In bf16, as Jordan does it, and in float32 on a CPU without bf16 instructions.
    """
    a, b, c = QUINTIC
    x = matrices.to(torch.bfloat16 if matrices.device.type != "cpu" or processor.has_bf16() else torch.float32)
    if tall := x.shape[1] > x.shape[2]:
        x = x.mT
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp_min(1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x
