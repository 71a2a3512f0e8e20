"""Precision follows the hardware unless given, bf16 is refused where it is slow, and only the first process writes."""

import pytest
import torch

from seedream_core import processor
from seedream_core.errors import ConfigError, UserError
from seedream_core.workflow.config import parse
from seedream_core.workflow.host import Host, Train, leads
from seedream_core.workflow.launch.slurm import Slurm


def test_precision_is_as_given_or_as_the_hardware_has_it(monkeypatch):
    for has in (True, False):
        monkeypatch.setattr(processor, "has_bf16", lambda has=has: has)
        assert not Host(precision="f32", accelerator="cpu").bf16()
        assert Host(accelerator="cpu").bf16() is has
    with pytest.raises(UserError, match="host: precision: bf16: this CPU has none") as refused:
        Host(precision="bf16", accelerator="cpu").bf16()
    assert "auto or f32" in refused.value.fix
    monkeypatch.setattr(processor, "has_bf16", lambda: True)
    assert Host(precision="bf16", accelerator="cpu").bf16()


def test_bf16_of_a_gpu_does_not_ask_the_cpu(monkeypatch):
    monkeypatch.setattr(processor, "has_bf16", lambda: False)
    for there, supported in ((True, True), (True, False), (False, False)):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, is_so=supported: is_so)
        assert Host(accelerator="gpu", precision="bf16").bf16()
        assert Host(accelerator="auto").bf16() is supported


def test_a_host_names_its_launcher():
    host = parse(Host, {"devices": 8, "launch": {"name": "slurm", "partition": "gpu"}})
    assert host.launch == Slurm(partition="gpu") and parse(Host, {}).launch is None


@pytest.mark.parametrize(
    ("name", "value"), [("RANK", "3"), ("LOCAL_RANK", "1"), ("NODE_RANK", "1"), ("SLURM_PROCID", "2")]
)
def test_one_process_of_all_leads(monkeypatch, name, value):
    for known in ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"):
        monkeypatch.setenv(known, "0")
    assert leads()
    monkeypatch.setenv(name, value)
    assert not leads()


def test_no_way_of_spreading_is_offered_that_is_not_built():
    with pytest.raises(ConfigError, match="strategy"):
        parse(Host, {"strategy": "fsdp"})


def test_training_takes_no_nonsense():
    with pytest.raises(ValueError, match="at least 1"):
        Train(steps=0)
    with pytest.raises(ConfigError, match="betas.1: must be less than 1"):
        parse(Train, {"steps": 1, "betas": [0.9, 1.0]})
