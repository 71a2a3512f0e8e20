"""A run that was killed, signalled or damaged ends as one that was not; cutting a batch changes nothing."""

import os
import signal

import pytest
import torch
import toy_training as toy
from lightning.pytorch.accelerators import CUDAAccelerator

from seedream_core import processor
from seedream_core.errors import UserError
from seedream_core.logs import read_rows
from seedream_core.training.fit import trainer_for


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Thirty uninterrupted steps."""
    out = tmp_path_factory.mktemp("whole")
    toy.run(out, toy.config())
    return out


def test_killed_twice_ends_bit_for_bit_as_uninterrupted(whole, tmp_path):
    for kill_at in (13, 24):
        assert toy.fork(lambda: toy.run(tmp_path, toy.config(), kill_at=kill_at)) == -signal.SIGKILL
    toy.run(tmp_path, toy.config())
    toy.assert_equal_runs(whole, tmp_path)


def test_killed_before_the_first_checkpoint_starts_again(whole, tmp_path):
    assert toy.fork(lambda: toy.run(tmp_path, toy.config(), kill_at=6)) == -signal.SIGKILL
    toy.run(tmp_path, toy.config())
    toy.assert_equal_runs(whole, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_signal_saves_at_the_step_boundary_and_goes_on_from_there(whole, tmp_path, number, capfd):
    class Signalled(toy.Toy):
        def training_step(self, batch, index):
            if batch.step == 12:
                os.kill(os.getpid(), number)
            return super().training_step(batch, index)

    def work():
        toy.fit(Signalled(), toy.ToyBatches(toy.config()), toy.config(), toy.host(), tmp_path)

    assert toy.fork(work) == 75
    assert f"stopped by {number.name} after step 13; saved" in capfd.readouterr().err
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir())[-1] == "step_00000013"
    toy.run(tmp_path, toy.config())
    toy.assert_equal_runs(whole, tmp_path)


def test_signals_are_handled_as_before_once_a_training_ends(tmp_path):
    numbers = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    toy.run(tmp_path, toy.config(steps=2))
    assert [signal.getsignal(number) for number in numbers] == before
    with pytest.raises(UserError):
        toy.run(tmp_path / "bad", toy.config(), bad_steps=tuple(range(30)))
    assert [signal.getsignal(number) for number in numbers] == before


def test_finished_training_is_not_trained_again(whole):
    before = (whole / "logs" / "metrics.jsonl").read_text()
    module = toy.run(whole, toy.config())
    averaged = toy.states(whole)["callbacks"]["Ema"]["weights"]
    assert all(torch.equal(p, averaged[name]) for name, p in module.named_parameters())
    assert (whole / "logs" / "metrics.jsonl").read_text() == before


def test_non_finite_step_is_skipped(tmp_path):
    toy.run(tmp_path, toy.config(), bad_steps=(5, 9, 10))
    rows = read_rows(tmp_path / "logs" / "metrics.jsonl")
    assert rows[-1]["skipped"] == 3
    assert all(row["loss"] is not None for row in rows)
    assert all(value.isfinite().all() for value in toy.states(tmp_path)["state_dict"].values())


def test_five_bad_steps_in_a_row_stop_the_run_and_name_the_samples(tmp_path):
    with pytest.raises(UserError, match=r"not finite for 5 steps in a row, up to step 19.*s18-0"):
        toy.run(tmp_path, toy.config(), bad_steps=tuple(range(14, 30)))
    assert all(value.isfinite().all() for value in toy.states(tmp_path)["state_dict"].values())


@pytest.mark.parametrize("micro_batch", [5, 8])
def test_micro_batches_add_up_to_the_batch(whole, tmp_path, micro_batch):
    toy.run(tmp_path, toy.config(), toy.host(micro_batch=micro_batch))
    for one, other in zip(toy.rows(whole), toy.rows(tmp_path), strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-4)
        assert other["samples"] == one["samples"]


def test_resume_with_another_micro_batch(whole, tmp_path):
    assert toy.fork(lambda: toy.run(tmp_path, toy.config(), kill_at=13)) == -signal.SIGKILL
    toy.run(tmp_path, toy.config(), toy.host(micro_batch=4))
    assert toy.rows(tmp_path)[-1]["samples"] == toy.rows(whole)[-1]["samples"]
    assert toy.rows(tmp_path)[-1]["loss"] == pytest.approx(toy.rows(whole)[-1]["loss"], rel=1e-3)


def test_nothing_but_our_own_lines_on_the_terminal(tmp_path, capfd):
    toy.run(tmp_path, toy.config(steps=4))
    said = capfd.readouterr()
    assert said.out == ""
    assert [line.split(" ")[0] for line in said.err.splitlines()] == [tmp_path.name]


def test_a_host_file_that_this_machine_cannot_serve_is_one_message(tmp_path, monkeypatch):
    monkeypatch.setattr(CUDAAccelerator, "is_available", staticmethod(lambda: False))
    monkeypatch.setattr(CUDAAccelerator, "auto_device_count", staticmethod(lambda: 0))
    with pytest.raises(UserError, match="this machine cannot train as the host file asks"):
        toy.run(tmp_path, toy.config(), toy.host(accelerator="gpu"))


@pytest.mark.parametrize("precision, expected", [("bf16", "bf16-mixed"), ("f32", "32-true")])
def test_the_trainer_computes_in_the_hosts_precision(monkeypatch, precision, expected):
    monkeypatch.setattr(processor, "has_bf16", lambda: True)
    assert trainer_for(toy.host(precision=precision)).precision == expected
