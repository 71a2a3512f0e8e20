"""A checkpoint is whole or not there: kills at every write, full disks, flipped bytes, pickles."""

import os
import pickle
import shutil

import pytest
import torch
import toy_training as toy

from seedream_core.errors import UserError
from seedream_core.training.callbacks import checkpoint
from seedream_core.training.callbacks.checkpoint import STATE, CheckpointFolder, damage, newest


def dying(module, name: str, at: int):
    """The function `name` of `module`, which ends the process at its call number `at`."""
    real, calls = getattr(module, name), iter(range(1000))

    def call(*args, **options):
        if next(calls) == at:
            os._exit(9)
        return real(*args, **options)

    return call


# The log syncs twice, each checkpoint four times (state, manifest, two folders); the second checkpoint's begin at 6.
@pytest.mark.parametrize(
    "name, at", [("fsync", 6), ("fsync", 7), ("fsync", 8), ("fsync", 9), ("rename", 1), ("save", 1)]
)
def test_killed_while_writing_leaves_the_one_before_intact(tmp_path, name, at):
    owner = torch if name == "save" else os

    def work():
        setattr(owner, name, dying(owner, name, at))
        toy.run(tmp_path, toy.config(steps=8, checkpoint_every=3, sample_every=50, log_every=50))

    assert toy.fork(work) == 9
    assert newest(tmp_path / "checkpoints").name == ("step_00000006" if at == 9 else "step_00000003")
    assert damage(tmp_path / "checkpoints" / "step_00000003") == ""


@pytest.mark.parametrize(
    "harm, said",
    [
        (lambda path: flip(path / STATE), "does not match its sha256"),
        (lambda path: os.truncate(path / STATE, 100), "is not"),
        (lambda path: (path / "manifest.json").unlink(), "FileNotFoundError"),
        (lambda path: (path / "manifest.json").write_text("{"), "JSONDecodeError"),
    ],
)
def test_damaged_checkpoint_falls_back_to_the_one_before_and_says_so(tmp_path, harm, said, capsys):
    config = toy.config(steps=20)
    toy.run(tmp_path / "whole", config)
    shutil.copytree(tmp_path / "whole", tmp_path / "harmed")
    harm(tmp_path / "harmed" / "checkpoints" / "step_00000020")
    toy.run(tmp_path / "harmed", config)
    toy.assert_equal_runs(tmp_path / "whole", tmp_path / "harmed")
    assert said in capsys.readouterr().err


def test_full_disk_costs_a_checkpoint_but_not_the_run(tmp_path, monkeypatch, capsys):
    real = torch.save
    full = iter([False, True, False])

    def save(*args, **options):
        real(*args, **options)
        if next(full):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", save)
    toy.run(tmp_path, toy.config())
    assert [path.name for path in sorted((tmp_path / "checkpoints").iterdir())] == ["step_00000010", "step_00000030"]
    assert "No space left on device" in capsys.readouterr().err


def test_what_torch_makes_of_a_full_disk_is_known_for_one(tmp_path, monkeypatch):
    real = open
    monkeypatch.setattr(
        "builtins.open",
        lambda name, mode="r", *rest, **options: real(
            "/dev/full" if str(name).endswith(STATE) and mode == "wb" else name, mode, *rest, **options
        ),
    )
    folder = CheckpointFolder()
    folder.save_checkpoint({"steps_done": 1, "weights": torch.zeros(1 << 20)}, tmp_path / "step_00000001")
    assert "No space left on device" in str(folder.failed) and not list(tmp_path.iterdir())


def test_only_two_are_kept(tmp_path):
    toy.run(tmp_path, toy.config(checkpoint_every=5))
    assert [path.name for path in sorted((tmp_path / "checkpoints").iterdir())] == ["step_00000025", "step_00000030"]


def test_pickled_code_is_never_run(tmp_path):
    canary = tmp_path / "ran"

    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(canary),)

    CheckpointFolder().save_checkpoint({"steps_done": 1, "harm": Harm()}, tmp_path / "step_00000001")
    with pytest.raises(pickle.UnpicklingError):
        CheckpointFolder().load_checkpoint(tmp_path / "step_00000001")
    assert not canary.exists()


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    class Broken(toy.Toy):
        def on_before_zero_grad(self, optimizer):
            if self.steps_done == 9:
                self.network[0].bias.data[3] = float("nan")

    with pytest.raises(UserError, match="weights are not finite after step 10: network.0.bias"):
        toy.fit(Broken(), toy.ToyBatches(toy.config()), toy.config(checkpoint_every=5), toy.host(), tmp_path)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step_00000005"]
