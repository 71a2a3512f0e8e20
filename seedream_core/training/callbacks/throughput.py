"""Logs loss, learning rate, images per second and FLOP/s of a training to logs/metrics.jsonl and metrics.csv.

A row holds means over the steps since the row before, over all ranks. `samples` is a sum of hashes of the keys seen
since step 0: equal for equal pictures whatever the order, the ranks or the resumes.
"""

import hashlib
import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer

from seedream_core import processor, progress
from seedream_core.errors import UserError
from seedream_core.logs import read_rows, to_csv
from seedream_core.records import Batch
from seedream_core.training.objective import Objective
from seedream_core.workflow.artifact import write_atomic
from seedream_core.workflow.host import Train

BAD_IN_ROW = 5


class Throughput(Callback):
    """Writes the rows, shows the progress and stops a run whose loss stays non-finite."""

    def __init__(self, folder: Path, name: str, train: Train, flops_per_image: float) -> None:
        self.folder, self.name, self.train, self.flops_per_image = folder, name, train, flops_per_image
        self.step = 0
        self.seen = 0
        self.skipped = 0
        self.sums: dict[str, torch.Tensor] = {}
        self.counted = 0
        self._micro: dict[str, torch.Tensor] = {}
        self._keys: list[str] = []
        self._stack = ExitStack()

    @property
    def path(self) -> Path:
        return self.folder / "metrics.jsonl"

    def on_train_start(self, trainer: Trainer, module: Objective) -> None:
        self.step = module.steps_done
        bf16 = trainer.precision.startswith("bf16")
        self.ceiling = processor.matmul_flops(module.device, torch.bfloat16 if bf16 else torch.float32)
        if trainer.is_global_zero:
            rows = [row for row in read_rows(self.path) if row["step"] <= self.step]
            write_atomic(self.path, "".join(json.dumps(row) + "\n" for row in rows))
            self.before = rows[-1]["seconds"] if rows else 0.0
        self._progress = self._stack.enter_context(progress.track(self.name, self.train.steps, done=self.step))
        self.started = self.row_started = time.perf_counter()
        self.row_step, self.data_seconds = self.step, 0.0

    def on_train_batch_start(self, trainer: Trainer, module: Objective, batch: Batch, index: int) -> None:
        self.data_seconds += time.perf_counter() - (module.batch_ended or self.started)

    def on_train_batch_end(self, trainer: Trainer, module: Objective, outputs: Any, batch: Batch, index: int) -> None:
        self._keys += batch.keys
        for name, value in {
            "loss": outputs["loss"] * trainer.accumulate_grad_batches,
            **outputs.get("figures", {}),
        }.items():
            value = value.detach().double() / module.micro_batches
            self._micro[name] = self._micro[name] + value if name in self._micro else value
        if module.steps_done == self.step:
            return
        self.step = module.steps_done
        self._count(trainer, module)
        if self.step % self.train.log_every == 0 or self.step >= self.train.steps:
            self._write(trainer, module)
        else:
            self._progress.advance(1)

    def _count(self, trainer: Trainer, module: Objective) -> None:
        bad_in_row = max(optimizer.bad_in_row for optimizer in module.named_optimizers.values())
        for key in self._keys:
            self.seen += int.from_bytes(hashlib.blake2b(key.encode(), digest_size=7).digest(), "little")
        self.seen %= 1 << 63
        if bad_in_row >= BAD_IN_ROW:
            raise UserError(
                f"the loss is not finite for {bad_in_row} steps in a row, up to step {self.step}; this "
                f"rank's last pictures: {', '.join(self._keys[:8])}",
                "lower train.lr, or look at these samples",
            )
        if bad_in_row:
            self.skipped += 1
        else:
            # Every step, so that the sums in a checkpoint are all ranks', whichever of them wrote it.
            mean = module.sum_over_ranks(torch.stack(list(self._micro.values()))) / trainer.world_size
            self.sums = {name: self.sums.get(name, 0) + value for name, value in zip(self._micro, mean)}
            self.counted += 1
        self._micro, self._keys = {}, []

    def _write(self, trainer: Trainer, module: Objective) -> None:
        now = time.perf_counter()
        steps, seconds = self.step - self.row_step, now - self.row_started
        images_per_second = steps * self.train.global_batch / seconds
        rate = 3 * self.flops_per_image * images_per_second
        sums = torch.stack(list(self.sums.values())).tolist() if self.sums else []  # one wait for the device
        means = {name: value / self.counted for name, value in zip(self.sums, sums)}
        row = {
            "step": self.step,
            "loss": means.pop("loss", None),
            "lr": next(iter(module.named_optimizers.values())).lr,
            **means,
            "samples": f"{self._all_seen(trainer):016x}",
            "skipped": self.skipped,
            "images_per_second": round(images_per_second, 2),
            "gflops": round(rate / 1e9, 2),
            "matmul_share": round(rate / self.ceiling / trainer.world_size, 4),
            "data_share": round(self.data_seconds / seconds, 4),
        }
        self.sums, self.counted = {}, 0
        self.row_started, self.row_step, self.data_seconds = now, self.step, 0.0
        if trainer.is_global_zero:
            row["seconds"] = round(self.before + now - self.started, 2)
            with open(self.path, "a") as file:
                file.write(json.dumps(row) + "\n")
        self._progress.advance(
            1, loss=row["loss"] if row["loss"] is not None else "skipped", images_per_second=row["images_per_second"]
        )

    def _all_seen(self, trainer: Trainer) -> int:
        if trainer.world_size == 1:
            return self.seen
        # Halves: a sum of 63-bit numbers over ranks would not fit an int64.
        halves = torch.tensor([self.seen >> 32, self.seen & 0xFFFFFFFF], device=trainer.strategy.root_device)
        high, low = trainer.strategy.reduce(halves, reduce_op="sum").tolist()
        return ((high << 32) + low) % (1 << 63)

    def on_train_end(self, trainer: Trainer, module: Objective) -> None:
        self._stack.close()
        if trainer.is_global_zero:
            write_atomic(self.folder / "metrics.csv", to_csv(read_rows(self.path)))

    def on_exception(self, trainer: Trainer, module: Objective, exception: BaseException) -> None:
        self._stack.close()

    def on_save_checkpoint(self, trainer: Trainer, module: Objective, checkpoint: dict[str, Any]) -> None:
        checkpoint["throughput"] = {
            "seen": self._all_seen(trainer),
            "skipped": self.skipped,
            "sums": self.sums,
            "counted": self.counted,
        }

    def on_load_checkpoint(self, trainer: Trainer, module: Objective, checkpoint: dict[str, Any]) -> None:
        state = checkpoint["throughput"]
        self.seen = state["seen"] if trainer.is_global_zero else 0
        self.skipped, self.sums, self.counted = state["skipped"], state["sums"], state["counted"]
