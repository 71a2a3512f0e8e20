"""The base of all training objectives: a Lightning module that counts its training steps and names its optimisers."""

import time
from collections.abc import Mapping
from itertools import chain
from typing import Any, ClassVar

import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from seedream_core.training.optimizer import SkipNonFinite
from seedream_core.workflow.host import Train


class Objective(LightningModule):
    """Members say in `training_step` what the loss of a step is.

    An objective with one optimiser leaves backward pass and update to Lightning. One whose parts learn from losses of
    their own sets `automatic_optimization = False`, overrides `make_optimizers`, and calls `learn` in `training_step`.
    """

    helpers: ClassVar[tuple[str, ...]] = ()
    """Submodules that only help to train, as a discriminator: they are saved in checkpoints, but not averaged."""
    train_config: Train
    flops_per_image: float = 0.0
    """One forward pass over one image, or one sequence: training counts three."""
    micro_batches: int = 1
    """Parts that a device's share of a step is cut into; `fit` sets it."""
    steps_done: int = 0
    """The clock: finished training steps, each over one global batch, however many optimisers it updated."""
    batch_ended: float = 0.0
    """When the callbacks had finished with the last batch: since then the loop has waited for data."""
    _parts_done: int = 0

    def send(self, drawn: Tensor) -> Tensor:
        """A tensor that was made on the CPU, on the module's device.

        From page-locked memory: a copy to a GPU from any other waits until the GPU has finished all that it was given.
        """
        return (drawn.pin_memory() if self.device.type == "cuda" else drawn).to(self.device, non_blocking=True)

    def make_optimizers(self) -> dict[str, SkipNonFinite]:
        """The optimisers by name; the first one's learning rate is the one that is logged."""
        return {"network": SkipNonFinite(self, self.train_config)}

    def configure_optimizers(self) -> list[SkipNonFinite]:
        self.named_optimizers = self.make_optimizers()
        return list(self.named_optimizers.values())

    def optimizer_step(self, *args: Any, **options: Any) -> None:
        super().optimizer_step(*args, **options)
        self.steps_done += 1

    def learn(self, losses: Mapping[str, Tensor]) -> bool:
        """Compute each loss's gradients for the parameters of the optimiser of that name, and for no others.

        At the last micro-batch of a step, update these parameters and return True.

        A generator's loss that passes through a discriminator leaves the discriminator alone. Ranks average their
        gradients in one message.
        """
        for name, loss in losses.items():
            parameters = list(self.named_optimizers[name].parameters())
            gradients = torch.autograd.grad(loss / self.micro_batches, parameters, allow_unused=True)
            for parameter, gradient in zip(parameters, gradients):
                if gradient is not None:
                    parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)
        self._parts_done += 1
        if self._parts_done < self.micro_batches:
            return False
        self._parts_done = 0
        optimizers = [self.named_optimizers[name] for name in losses]
        self.average_over_ranks(
            [p.grad for p in chain(*(one.parameters() for one in optimizers)) if p.grad is not None]
        )
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.steps_done += 1
        return True

    def average_over_ranks(self, tensors: list[Tensor]) -> None:
        """Replace float tensors by their mean over ranks, in place."""
        if self.trainer.world_size == 1:
            return
        flat = self.sum_over_ranks(torch.cat([one.flatten() for one in tensors])) / self.trainer.world_size
        for one, mean in zip(tensors, flat.split([one.numel() for one in tensors])):
            one.copy_(mean.view_as(one))

    def sum_over_ranks(self, tensor: Tensor) -> Tensor:
        """The sum of the ranks' tensors, in place of this rank's.

        Lightning's own reduction first waits for all ranks at a barrier, which with GPUs is a wait in every step.
        """
        if self.trainer.world_size > 1:
            torch.distributed.all_reduce(tensor)
        return tensor

    def on_train_batch_end(self, *_: object) -> None:
        self.batch_ended = time.perf_counter()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["steps_done"] = self.steps_done

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        # before there was this clock, every objective had one optimiser, whose steps Lightning counted
        self.steps_done = checkpoint.get("steps_done", checkpoint["global_step"])
