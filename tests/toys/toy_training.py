"""A regression small enough for many steps a second, with batches that are a pure function of the step."""

import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import torch
from lightning.pytorch import LightningDataModule
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from seedream_core import randomness
from seedream_core.errors import UserError
from seedream_core.logs import read_rows
from seedream_core.records import Batch
from seedream_core.training.callbacks.checkpoint import newest
from seedream_core.training.fit import fit
from seedream_core.training.objective import Objective
from seedream_core.workflow.host import Host, Train
from seedream_core.workflow.stage import Stage


class Toy(Objective):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Linear(8, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))
        self.bad_steps: tuple[int, ...] = ()
        self.kill_at = -1

    def training_step(self, batch: Batch, index: int) -> dict:
        if batch.step == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        x = batch.latents
        loss = (self.network(x) - x.square().mean(1, keepdim=True)).square().mean()
        if batch.step in self.bad_steps and self.global_rank == self.trainer.world_size - 1:
            loss = loss * float("nan")
        return {"loss": loss, "figures": {"twice": 2 * loss.detach()}}

    def samples(self) -> torch.Tensor:
        value = self.network(torch.ones(1, 8)).tanh()
        return value.expand(2, 3, 3, 16, 16)


class Rows(IterableDataset):
    def __init__(self, owner: "ToyBatches") -> None:
        self.owner = owner

    def __iter__(self):
        train, trainer, step = self.owner.train, self.owner.trainer, self.owner.first_step
        parts = trainer.accumulate_grad_batches
        while True:
            keys = [f"s{step}-{i}" for i in range(train.global_batch)][trainer.global_rank :: trainer.world_size]
            size = len(keys) // parts
            for part in range(parts):
                mine = keys[part * size : (part + 1) * size]
                yield Batch(
                    step=step,
                    keys=mine,
                    captions=[""] * len(mine),
                    latents=randomness.normal(train.seed, mine, step, (8,)),
                )
            step += 1


class ToyBatches(LightningDataModule):
    def __init__(self, train: Train) -> None:
        super().__init__()
        self.train, self.first_step = train, 0

    def train_dataloader(self) -> DataLoader:
        return DataLoader(Rows(self), batch_size=None)


def config(**changes) -> Train:
    return Train(
        **{
            "steps": 30,
            "global_batch": 16,
            "lr": 1e-2,
            "warmup": 5,
            "ema": 0.9,
            "checkpoint_every": 10,
            "log_every": 4,
            "sample_every": 20,
        }
        | changes
    )


def host(**changes) -> Host:
    return Host(**{"precision": "f32", "accelerator": "cpu", "threads": 1} | changes)


def run(
    out: Path, train: Train, machine: Host | None = None, *, bad_steps: tuple[int, ...] = (), kill_at: int = -1
) -> Toy:
    module = Toy()
    module.bad_steps, module.kill_at = bad_steps, kill_at
    fit(module, ToyBatches(train), train, machine or host(), out)
    return module


def start(work: Callable[[], object]) -> int:
    """Do the work in a child process, whose number this gives."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        torch.set_num_threads(1)  # the thread pool of the parent does not live on in a child
        work()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except UserError as error:
        print(error, file=sys.stderr)
        code = error.exit_code
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def wait(child: int) -> int:
    """Its exit code, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def fork(work: Callable[[], object]) -> int:
    return wait(start(work))


def states(out: Path) -> dict:
    """All that the last checkpoint holds."""
    return torch.load(newest(out / "checkpoints") / "state.pt", weights_only=True)


def rows(out: Path) -> list[dict]:
    """What of the log must not depend on the clock."""
    return [
        {name: row[name] for name in ("step", "loss", "lr", "samples", "skipped")}
        for row in read_rows(out / "logs" / "metrics.jsonl")
    ]


def differences(first: object, second: object, at: str = "") -> list[str]:
    """Where two trees of plain values and tensors are not equal bit for bit."""
    if isinstance(first, torch.Tensor):
        return [] if torch.equal(first, second) else [at]
    if isinstance(first, dict):
        if first.keys() != second.keys():
            return [at]
        return [place for key in first for place in differences(first[key], second[key], f"{at}/{key}")]
    if isinstance(first, (list, tuple)):
        if len(first) != len(second):
            return [at]
        return [place for i, pair in enumerate(zip(first, second)) for place in differences(*pair, f"{at}/{i}")]
    return [] if first == second else [at]


def assert_equal_runs(first: Path, second: Path) -> None:
    assert rows(first) == rows(second)
    assert differences(states(first), states(second)) == []


def assert_survives_kills(step: Stage, folder: Path, kills: int = 5) -> None:
    """Five kills at any moment change nothing of what a stage's training ends with."""
    assert fork(lambda: step.run(folder / "whole", host())) == 0
    draw = random.Random(0)
    for _ in range(kills):
        child = start(lambda: step.run(folder / "killed", host()))
        reached = len(rows(folder / "killed"))
        while len(rows(folder / "killed")) < reached + 8:  # far enough that the next one starts from a later checkpoint
            time.sleep(draw.uniform(0, 0.3))
        os.kill(child, signal.SIGKILL)
        assert wait(child) == -signal.SIGKILL
    assert fork(lambda: step.run(folder / "killed", host())) == 0
    assert_equal_runs(folder / "whole", folder / "killed")
