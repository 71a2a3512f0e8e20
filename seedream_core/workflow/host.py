"""The host file (devices, nodes, precision, micro-batch: not part of a step's fingerprint) and the training schedule
(part of it).
"""

import os
from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt

from seedream_core import processor
from seedream_core.workflow.config import Config
from seedream_core.workflow.launch import Launcher

FREE = {"fingerprint": False}


@dataclass(frozen=True, kw_only=True)
class Host(Config):
    """The machine: moving a run to another one repeats no step."""

    devices: Annotated[int, Ge(1)] = 1
    "processes per node, one per device"
    nodes: Annotated[int, Ge(1)] = 1
    "machines"
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    "what the devices are; auto takes the GPU where there is one"
    strategy: Literal["auto", "ddp"] = "auto"
    "how training is spread: auto is one device alone, or ddp over several"
    precision: Literal["auto", "bf16", "f32"] = "auto"
    "arithmetic of the networks; auto takes bf16 where the hardware has it"
    micro_batch: Annotated[int, Ge(1)] | None = None
    "samples that fit in one device at once; none for the whole share of the global batch"
    workers: Annotated[int, Ge(0)] = 0
    "processes that load data"
    threads: Annotated[int, Ge(1)] | None = None
    "CPU threads per process; none leaves it to torch"
    launch: Launcher | None = None
    "how a recipe's steps are started; none for a child process each"

    def limit_threads(self) -> None:
        """Give torch this process's share of the cores."""
        if self.threads:
            import torch

            torch.set_num_threads(self.threads)

    def device(self) -> str:
        """`cuda` where this machine has a GPU and the host file does not refuse it, else `cpu`."""
        if self.accelerator == "cpu":
            return "cpu"
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    def bf16(self) -> bool:
        """Whether networks compute in bf16 here; UserError where that is asked of a CPU without the instructions."""
        if self.precision == "f32":
            return False
        if self.device() == "cuda":
            import torch

            return self.precision == "bf16" or torch.cuda.is_bf16_supported(including_emulation=False)
        if self.precision == "bf16" and self.accelerator != "gpu":  # a missing GPU is the Trainer's to tell
            processor.require_bf16("host: precision")
        return self.precision == "bf16" or processor.has_bf16()


@dataclass(frozen=True, kw_only=True)
class Train(Config):
    """How long and how hard a network trains; the same on one device or many."""

    steps: Annotated[int, Ge(1)]
    "optimiser steps"
    global_batch: Annotated[int, Ge(1)] = 64
    "samples per step over all devices"
    lr: Annotated[float, Gt(0)] = 1e-3
    "highest learning rate"
    warmup: Annotated[int, Ge(0)] = 100
    "steps until the learning rate is at its highest"
    schedule: Literal["constant", "cosine", "linear"] = "cosine"
    "how the learning rate falls after the warm-up"
    final_lr: Annotated[float, Ge(0), Le(1)] = 0.05
    "learning rate at the end, as a fraction of the highest"
    weight_decay: Annotated[float, Ge(0)] = 0.0
    "decoupled weight decay of matrices"
    betas: tuple[Annotated[float, Ge(0), Lt(1)], Annotated[float, Ge(0), Lt(1)]] = (0.9, 0.95)
    "decay of the first and second moments"
    clip: Annotated[float, Gt(0)] = 1.0
    "norm to which the gradient is clipped"
    ema: Annotated[float, Ge(0), Lt(1)] = 0.999
    "decay of the weights' running mean (EMA), which becomes the saved model"
    optimizer: Literal["adamw", "muon"] = "adamw"
    "muon orthogonalises the steps of the matrices; the rest stays with adamw"
    seed: Annotated[int, Ge(0)] = 0
    "seed of weights, sample order, noise and times"
    checkpoint_every: Annotated[int, Ge(1)] = field(default=500, metadata=FREE)
    "steps between checkpoints"
    log_every: Annotated[int, Ge(1)] = field(default=20, metadata=FREE)
    "steps between log rows"
    sample_every: Annotated[int, Ge(1)] = field(default=1000, metadata=FREE)
    "steps between sample grids"

    def __post_init__(self):
        if self.steps < 1 or self.global_batch < 1:
            raise ValueError(f"steps ({self.steps}) and global_batch ({self.global_batch}) must be at least 1")


def leads() -> bool:
    """Whether this process is the first of all that run the step (torchrun, Lightning and SLURM each name ranks)."""
    return all(os.environ.get(name, "0") == "0" for name in ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"))
