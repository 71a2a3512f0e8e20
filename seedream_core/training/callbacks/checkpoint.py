"""Checkpoints that survive a kill at any moment, and signals that end a run at a step boundary.

Departures from Lightning's own: written beside the target and renamed after fsync (Lightning copies through $TMPDIR
without fsync), checked by sha256 when read, read back with `weights_only=True` alone, and a signal sets only a flag
(Lightning saves, or talks to other ranks, inside the handler).
"""

import hashlib
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.plugins.io import CheckpointIO

from seedream_core.errors import UserError
from seedream_core.training.objective import Objective
from seedream_core.workflow.artifact import write_atomic
from seedream_core.workflow.host import Train

KEEP = 2
STATE, MANIFEST = "state.pt", "manifest.json"
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class CheckpointFolder(CheckpointIO):
    """One folder per checkpoint: state.pt and a manifest with its sha256, made under another name and renamed."""

    failed: OSError | None = None
    """Why the last one could not be written: kept, not raised, since after a save Lightning has all ranks meet."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        self.failed = None
        try:
            self._write(checkpoint, Path(path))
        except (OSError, RuntimeError) as error:
            # torch's own clean-up after a full disk hides it behind a RuntimeError.
            self.failed = error if isinstance(error, OSError) else error.__context__
            if not isinstance(self.failed, OSError):
                raise

    def _write(self, checkpoint: dict[str, Any], path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        building = path.with_name(f".{path.name}.{os.getpid()}")
        shutil.rmtree(building, ignore_errors=True)
        try:
            building.mkdir()
            with open(building / STATE, "wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            manifest = {
                "step": checkpoint["steps_done"],
                "sha256": _sha256(building / STATE),
                "bytes": (building / STATE).stat().st_size,
            }
            write_atomic(building / MANIFEST, json.dumps(manifest))
            # Only a damaged checkpoint of the same step can stand here: a valid one would have been resumed.
            shutil.rmtree(path, ignore_errors=True)
            os.rename(building, path)
            _sync(path.parent)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise

    def load_checkpoint(
        self, path: str | Path, map_location: Any = "cpu", weights_only: bool | None = None
    ) -> dict[str, Any]:
        return torch.load(Path(path) / STATE, map_location="cpu", weights_only=True)

    def remove_checkpoint(self, path: str | Path) -> None:
        shutil.rmtree(path, ignore_errors=True)


def newest(folder: Path) -> Path | None:
    """The newest checkpoint that is whole; each damaged one is named on the way."""
    for path in sorted(folder.glob("step_*"), reverse=True):
        if not (problem := damage(path)):
            return path
        print(f"checkpoint {path} is damaged ({problem}); falling back to the one before", file=sys.stderr)
    return None


def damage(path: Path) -> str:
    """What is wrong with a checkpoint; empty when it can be resumed from."""
    try:
        manifest = json.loads((path / MANIFEST).read_text())
        if (path / STATE).stat().st_size != manifest["bytes"]:
            return f"{STATE} is not {manifest['bytes']} bytes long"
        return "" if _sha256(path / STATE) == manifest["sha256"] else f"{STATE} does not match its sha256"
    except (OSError, ValueError, KeyError) as error:
        return f"{type(error).__name__}: {error}"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Checkpoints(Callback):
    """Saves every so many steps, at the last one, and when a signal has asked for an end."""

    def __init__(self, folder: Path, train: Train) -> None:
        self.folder, self.train = folder, train
        self.step = 0
        self.asked: signal.Signals | None = None
        self.stopped = ""
        self._asking: torch.Tensor | None = None
        self._before: dict[signal.Signals, Any] = {}

    def on_load_checkpoint(self, trainer: Trainer, module: Objective, checkpoint: dict[str, Any]) -> None:
        # Lightning counts micro-batches; another host may cut the same step into another number of them.
        done = module.steps_done * module.micro_batches
        for counts in ("current", "total"):
            checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"][counts].update(
                ready=done, started=done, processed=done, completed=done - 1
            )

    def setup(self, trainer: Trainer, module: Objective, stage: str) -> None:
        self._listen()

    def on_train_start(self, trainer: Trainer, module: Objective) -> None:
        self._listen()  # again: Lightning has put its own handlers in between
        self.step = module.steps_done
        if trainer.is_global_zero and self.folder.is_dir():
            for left in self.folder.glob(".step_*"):
                shutil.rmtree(left, ignore_errors=True)

    def _listen(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                before = signal.signal(number, self._ask)
                self._before.setdefault(number, before)

    def _ask(self, number: int, frame: object) -> None:
        if self.asked == signal.SIGINT == number:  # the second Ctrl-C does not wait for the step
            raise KeyboardInterrupt
        self.asked = signal.Signals(number)

    def on_train_batch_end(self, trainer: Trainer, module: Objective, *_: object) -> None:
        if module.steps_done == self.step:
            return
        self.step = module.steps_done
        last = self.step >= self.train.steps
        asked = self._asked_anywhere(trainer, module)
        if last or asked or self.step % self.train.checkpoint_every == 0:
            saved = self._save(trainer, module)
            if asked and not last:
                name = self.asked.name if self.asked else "a signal to another rank"
                self.stopped = f"stopped by {name} after step {self.step}; " + (
                    "saved, the same command goes on from here" if saved else "it could not be saved"
                )
                trainer.should_stop = True

    def _asked_anywhere(self, trainer: Trainer, module: Objective) -> bool:
        """Whether a signal reached any rank: every rank hears of it at the same step.

        Of several ranks, the answer is that of the step before, whose message has arrived meanwhile: no step waits.
        """
        if trainer.world_size == 1:
            return self.asked is not None
        before = self._asking
        mine = torch.full((), float(self.asked is not None), device=module.device)
        self._asking = module.sum_over_ranks(mine)
        return before is not None and bool(before)

    def _save(self, trainer: Trainer, module: Objective) -> bool:
        if bad := [name for name, p in module.named_parameters() if not torch.isfinite(p).all()]:
            raise UserError(
                f"weights are not finite after step {self.step}: {', '.join(bad[:3])}",
                "lower train.lr or train.clip; the last checkpoint is sound",
            )
        path = self.folder / f"step_{self.step:08d}"
        trainer.save_checkpoint(path)
        failed = getattr(trainer.strategy.checkpoint_io, "failed", None)
        if failed:  # a full disk must not cost the run: the previous checkpoint stands
            print(f"checkpoint {path} could not be written ({failed}); training goes on", file=sys.stderr)
        if trainer.strategy.reduce_boolean_decision(failed is not None, all=False):
            return False
        if trainer.is_global_zero:
            for old in sorted(self.folder.glob("step_*"))[:-KEEP]:
                shutil.rmtree(old, ignore_errors=True)
        return True

    @contextmanager
    def handling_signals(self) -> Iterator[None]:
        """Puts the signal handlers back afterwards, also after an error: Lightning then restores ours as the former."""
        try:
            yield
        finally:
            if threading.current_thread() is threading.main_thread():
                for number, before in self._before.items():
                    signal.signal(number, before)
            self._before.clear()
