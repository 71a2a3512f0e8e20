"""Latents and their statistics come back as they were; broken ones are named."""

import pytest
import torch
from safetensors.torch import save

from seedream_core.data.loading.latents import (
    NORMALISATION,
    check_made_by,
    pack,
    read_statistics,
    unpack,
    write_statistics,
)
from seedream_core.errors import DataError, UserError
from seedream_core.workflow import artifact


def test_round_trip(tmp_path):
    mean, std = torch.randn(3, 4, 2, 5), torch.rand(3, 4, 2, 5)
    for i, member in enumerate(pack(mean, std)):
        assert torch.equal(unpack("k", member), torch.stack([mean[i], std[i]]).half())
    write_statistics(tmp_path, torch.tensor([1.0, 2.0]), torch.tensor([0.5, 3.0]))
    back = read_statistics(tmp_path)
    assert torch.equal(back[0], torch.tensor([[[1.0]], [[2.0]]])) and back[1].flatten().tolist() == [0.5, 3.0]


def test_reading_inside_autocast(tmp_path):
    (member,) = pack(torch.zeros(1, 2, 2, 2), torch.ones(1, 2, 2, 2))
    with torch.autocast("cpu", torch.bfloat16):
        assert unpack("k", member).dtype == torch.float16


def test_what_fp16_cannot_hold_is_not_written():
    for wrong in (1e6, float("nan")):
        with pytest.raises(DataError, match="not finite"):
            pack(torch.full((1, 1, 1, 1), wrong), torch.ones(1, 1, 1, 1))


@pytest.mark.parametrize(
    "member",
    [
        None,
        b"",
        b"x" * 100,
        save({"mean": torch.ones(1, 1, 1).half()}),
        save({"mean": torch.ones(1, 1, 1), "std": torch.ones(1, 1, 1)}),
        save({"mean": torch.ones(2, 1, 1).half(), "std": torch.ones(1, 1, 1).half()}),
        save({"mean": torch.full((1, 1, 1), torch.inf).half(), "std": torch.ones(1, 1, 1).half()}),
    ],
)
def test_broken_members(member):
    with pytest.raises(DataError, match="key-7"):
        unpack("key-7", member)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"mean": [1.0], "std": [0.0]}',
        '{"mean": [1.0], "std": [1.0, 2.0]}',
        '{"mean": [NaN], "std": [1.0]}',
        '{"mean": [], "std": []}',
    ],
)
def test_broken_statistics(tmp_path, text):
    (tmp_path / NORMALISATION).write_text(text)
    with pytest.raises(DataError, match="damaged"):
        read_statistics(tmp_path)


def test_latents_of_another_autoencoder_are_refused(tmp_path):
    artifact.finish(
        tmp_path,
        kind="latents",
        stage="data/encode",
        fingerprint="x",
        facts={},
        metrics={},
        seconds=0,
        inputs={"vae": [{"path": "../vae", "digest": "aaa"}]},
    )
    check_made_by(tmp_path, "aaa")
    with pytest.raises(UserError, match="made by another autoencoder"):
        check_made_by(tmp_path, "bbb")


def test_no_statistics(tmp_path):
    with pytest.raises(UserError, match="not latents"):
        read_statistics(tmp_path)
