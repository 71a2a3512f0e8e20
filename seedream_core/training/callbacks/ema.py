"""Exponential moving average of the trained weights, with a warm-up of its decay (as in TensorFlow's averages)."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from lightning.pytorch import Callback, Trainer
from torch import Tensor

from seedream_core.training.objective import Objective


class Ema(Callback):
    """Averages every trainable parameter after each step; starts from the weights themselves, so that the average is
    never of untrained nothing (Lightning's own validates such weights before its first update)."""

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.step = 0
        self.weights: dict[str, Tensor] = {}

    def on_train_start(self, trainer: Trainer, module: Objective) -> None:
        if not self.weights:
            self.weights = {name: p.detach().clone() for name, p in trainable(module)}
        self.weights = {name: self.weights[name].to(p.device) for name, p in trainable(module)}
        self.step = module.steps_done

    @torch.no_grad()
    def on_train_batch_end(self, trainer: Trainer, module: Objective, *_: object) -> None:
        if module.steps_done == self.step:
            return
        self.step = module.steps_done
        decay = min(self.decay, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(list(self.weights.values()), [p.detach() for _, p in trainable(module)], 1 - decay)

    @contextmanager
    def swapped(self, module: Objective) -> Iterator[None]:
        """The averaged weights inside the module for a while; the trained ones come back bit for bit."""
        parameters = dict(trainable(module))
        kept = {name: p.data for name, p in parameters.items()}
        try:
            for name, weight in self.weights.items():
                parameters[name].data = weight
            yield
        finally:
            for name, weight in kept.items():
                parameters[name].data = weight

    def on_fit_end(self, trainer: Trainer, module: Objective) -> None:
        self.apply(module)

    @torch.no_grad()
    def apply(self, module: Objective) -> None:
        """The averaged weights become the module's own: what a stage writes out."""
        for name, p in trainable(module):
            p.copy_(self.weights[name])

    def state_dict(self) -> dict:
        return {"weights": self.weights}

    def load_state_dict(self, state_dict: dict) -> None:
        self.weights = state_dict["weights"]


def trainable(module: Objective) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """Parameters to average: all that train, but for helpers'."""
    return (
        (name, p)
        for name, p in module.named_parameters()
        if p.requires_grad and name.partition(".")[0] not in module.helpers
    )
