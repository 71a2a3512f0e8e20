"""The one Trainer: exact resume, strategy, precision, signals and figures for every training stage.

A training is one long epoch over batches that are a pure function of the step, so what a checkpoint needs to know of
the data is the step alone; and nothing draws from a random stream, so there is no generator to save either.
"""

import ctypes
import logging
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningDataModule, Trainer
from lightning.pytorch.plugins.environments import SLURMEnvironment
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from seedream_core.data.loading.batches import micro_batches
from seedream_core.errors import Stopped, UserError
from seedream_core.logs import read_rows
from seedream_core.training.callbacks.checkpoint import CheckpointFolder, Checkpoints, newest
from seedream_core.training.callbacks.ema import Ema
from seedream_core.training.callbacks.samples import Samples
from seedream_core.training.callbacks.throughput import Throughput
from seedream_core.training.objective import Objective
from seedream_core.workflow.host import Host, Train

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3  # options of mallopt(3)
KEPT = 2**31 - 1
LARGEST_HEAP_BLOCK = 2**30
HEAP_GROWTH = 2**26


@dataclass(frozen=True)
class TrainingResult:
    """What came of a training, for the manifest."""

    steps: int
    loss: float | None
    images_per_second: float
    seconds: float

    def metrics(self) -> dict:
        return {
            "steps": self.steps,
            "loss": self.loss,
            "images_per_second": self.images_per_second,
            "training_seconds": self.seconds,
        }


def fit(
    module: Objective,
    batches: LightningDataModule,
    train: Train,
    host: Host,
    out: Path,
    *,
    callbacks: Sequence[Callback] = (),
) -> TrainingResult:
    """Train to the last step, from the newest checkpoint under `out` if there is one.

    Afterwards the module holds the averaged weights: `Ema` puts them there on every rank, because a sharded network
    needs all of them for that. Then ranks other than 0 end, and rank 0 alone writes the artifact.
    """
    keep_freed_memory()
    host.limit_threads()
    module.train_config = train
    module.micro_batches = micro_batches(train, host)
    automatic = module.automatic_optimization
    resume = newest(out / "checkpoints")
    batches.first_step = int(resume.name.removeprefix("step_")) if resume else 0
    ema = Ema(train.ema)
    throughput = Throughput(out / "logs", out.name, train, module.flops_per_image)
    checkpoints = Checkpoints(out / "checkpoints", train)
    drawn = [Samples(out / "samples", train, ema)] if hasattr(module, "samples") else []
    with quiet(), checkpoints.handling_signals():
        trainer = trainer_for(
            host,
            # Lightning counts the updates of automatic optimisation alone; else the end of the batches is the end.
            max_steps=train.steps if automatic else -1,
            max_epochs=-1 if automatic else 1,
            accumulate_grad_batches=module.micro_batches if automatic else 1,
            default_root_dir=out,
            callbacks=[ema, *callbacks, throughput, *drawn, checkpoints],
        )
        trainer.fit(module, datamodule=batches, ckpt_path=resume, weights_only=True)
    if checkpoints.stopped:
        raise Stopped(checkpoints.stopped) if trainer.is_global_zero else SystemExit(Stopped.exit_code)
    if not trainer.is_global_zero:
        raise SystemExit(0)
    module.eval()
    last = read_rows(throughput.path)[-1]
    return TrainingResult(last["step"], last["loss"], last["images_per_second"], last["seconds"])


def trainer_for(host: Host, *, precision: str | None = None, **options: Any) -> Trainer:
    """Lightning's Trainer on the devices, in the precision (unless another is given) that the host file names."""
    try:
        return Trainer(
            accelerator=host.accelerator,
            devices=host.devices,
            num_nodes=host.nodes,
            strategy=host.strategy,
            precision=precision or ("bf16-mixed" if host.bf16() else "32-true"),
            plugins=[CheckpointFolder(), *_environment()],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            **options,
        )
    except MisconfigurationException as error:
        raise UserError(
            f"this machine cannot train as the host file asks: {error}",
            "correct `accelerator`, `devices` and `nodes` there",
        ) from None


def keep_freed_memory() -> bool:
    """Sets the C allocator to keep freed memory; returns whether it could, which is on Linux with glibc only.

    glibc gives every large block back to the kernel and then faults its pages in again at the next step: on two CPU
    cores that was a tenth of an autoencoder's training step. With a high threshold the blocks stay in the heap.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    options = ((MMAP_THRESHOLD, LARGEST_HEAP_BLOCK), (TRIM_THRESHOLD, KEPT), (TOP_PAD, HEAP_GROWTH))
    return mallopt is not None and all(mallopt(name, value) for name, value in options)


def _environment() -> list[SLURMEnvironment]:
    # Lightning's requeue saves inside the signal handler; ours is a flag, and the launcher requeues on our exit code.
    return [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else []


@contextmanager
def quiet() -> Iterator[None]:
    """Lightning without its advertisements and its advice about choices that are deliberate here."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)
