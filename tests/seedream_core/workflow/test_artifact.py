"""An artifact is done when its manifest says so, and its digest is of its contents alone."""

import json
import os
import subprocess
import sys
import time

import pytest
import torch

from seedream_core.errors import DataError, UserError
from seedream_core.workflow import artifact


def make(folder, text="weights", kind="generator"):
    (folder / "network").mkdir(parents=True)
    (folder / "network" / "w.txt").write_text(text)
    for aside in ("logs", "samples", "checkpoints"):
        (folder / aside).mkdir()
        (folder / aside / "x.txt").write_text(str(time.monotonic_ns()))
    return artifact.finish(
        folder,
        kind=kind,
        stage="pretrain/mmdit",
        fingerprint="f",
        inputs={},
        facts={"a": 1},
        metrics={"loss": float("nan"), "fid": 3.5},
        seconds=1.0,
    )


def test_the_manifest_reads_back_and_metrics_without_a_value_are_none(tmp_path):
    made = make(tmp_path / "a")
    assert artifact.read(tmp_path / "a", "generator") == made
    assert made.metrics == {"loss": None, "fid": 3.5} and list(made.files) == ["network/w.txt"]
    assert json.loads((tmp_path / "a" / "artifact.json").read_text())["format"] == 1


def test_the_digest_follows_contents_and_kind_only(tmp_path):
    made = make(tmp_path / "a")
    assert make(tmp_path / "b").digest == made.digest
    assert make(tmp_path / "c", "other").digest != made.digest
    assert make(tmp_path / "d", kind="autoencoder").digest != made.digest


def test_verify_tells_missing_changed_and_foreign_files(tmp_path):
    make(tmp_path)
    assert artifact.verify(tmp_path) == []
    (tmp_path / "network" / "w.txt").write_text("Weights")
    (tmp_path / "more.txt").write_text("")
    assert artifact.verify(tmp_path) == ["more.txt: not in the manifest", "network/w.txt: changed"]
    (tmp_path / "network" / "w.txt").unlink()
    assert "network/w.txt: missing" in artifact.verify(tmp_path)


def test_an_artifact_that_lives_in_another_is_not_part_of_it(tmp_path):
    make(tmp_path)
    make(tmp_path / "guest")
    assert artifact.verify(tmp_path) == [] == artifact.verify(tmp_path / "guest")
    (tmp_path / "guest" / "network" / "w.txt").write_text("Weights")
    assert artifact.verify(tmp_path) == [] and artifact.verify(tmp_path / "guest")
    (tmp_path / "network" / "artifact.json").write_text("{}")  # a part of it is no guest
    assert artifact.verify(tmp_path) == ["network/artifact.json: not in the manifest"]


def test_the_wrong_folder_is_told_with_what_is_needed(tmp_path):
    make(tmp_path / "a")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "step.yaml").write_text("")
    for folder, kind, words in (
        ("a", "latents", "this is a generator .made by pretrain/mmdit., but latents are needed"),
        ("none", "autoencoder", "no such folder; an autoencoder is needed"),
        ("half", "shards", "not finished; shards are needed"),
        (".", None, "no artifact.json in it; an artifact is needed"),
    ):
        with pytest.raises(UserError, match=words):
            artifact.read(tmp_path / folder, kind)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 9}', "\xff"])
def test_a_damaged_manifest_is_one_clear_error(tmp_path, text):
    (tmp_path / "artifact.json").write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match="damaged|another format"):
        artifact.read(tmp_path)


def test_an_outside_folder_counts_by_names_sizes_and_times(tmp_path):
    (tmp_path / "x").write_text("1")
    first = artifact.digest(tmp_path)
    assert artifact.digest(tmp_path) == first
    os.utime(tmp_path / "x", ns=(1, 1))
    second = artifact.digest(tmp_path)
    (tmp_path / "y").write_text("")
    assert len({first, second, artifact.digest(tmp_path), artifact.digest(tmp_path / "x")}) == 4


def test_hidden_files_and_a_file_that_is_called_like_ours_are_nothing_special(tmp_path):
    (tmp_path / "artifact.json").write_text('{"caption": "a pot"}')
    first = artifact.digest(tmp_path)
    (tmp_path / ".DS_Store").write_text("x")
    assert artifact.digest(tmp_path) == first
    (tmp_path / "artifact.png").write_text("x")
    assert artifact.digest(tmp_path) != first


def test_a_small_file_counts_by_its_bytes_and_a_large_one_by_size_and_time(tmp_path, monkeypatch):
    path = tmp_path / "words.txt"
    path.write_text("old")
    first = artifact.digest(path)
    os.utime(path, ns=(1, 1))
    assert artifact.digest(path) == first
    monkeypatch.setattr(artifact, "READ_WHOLE", 2)
    large = artifact.digest(path)
    os.utime(path, ns=(2, 2))
    assert artifact.digest(path) != large


def test_a_kill_during_a_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.txt"
    artifact.write_atomic(path, "old")
    code = (
        "import os, sys, pathlib\nfrom seedream_core.workflow import artifact\nartifact.os.replace = lambda *_: "
        "os.kill(os.getpid(), 9)\nartifact.write_atomic(pathlib.Path(sys.argv[1]), 'new')"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)]).returncode == -9
    assert path.read_text() == "old"
    # what the kill left over is no part of an artifact
    assert artifact.contents(tmp_path) == ["x.txt"]
    (tmp_path / ".mine.tmp").touch()
    assert len(list(tmp_path.iterdir())) == 3
    artifact.sweep(tmp_path, 60)
    assert len(list(tmp_path.iterdir())) == 3  # so young that somebody may still write it
    artifact.sweep(tmp_path)
    assert sorted(left.name for left in tmp_path.iterdir()) == [".mine.tmp", "x.txt"]


def test_tensors_come_back_bit_for_bit(tmp_path):
    tensors = {"a": torch.randn(4, 3).T, "b": torch.arange(5, dtype=torch.int8), "c": torch.randn(2).bfloat16()}
    artifact.save_tensors(tmp_path / "deep" / "w.safetensors", tensors, {"format": "1"})
    loaded = artifact.load_tensors(tmp_path / "deep" / "w.safetensors")
    assert all(torch.equal(loaded[name], tensor) for name, tensor in tensors.items())


@pytest.mark.parametrize("damage", ["cut", "header", "short", "text", "missing"])
def test_damaged_tensors_are_refused(tmp_path, damage):
    path = tmp_path / "w.safetensors"
    artifact.save_tensors(path, {"a": torch.ones(100)})
    whole = path.read_bytes()
    path.write_bytes(
        {
            "cut": whole[:-8],
            "header": b"\xff" * 8 + whole[8:],
            "short": b"123",
            "text": b"not tensors at all",
            "missing": b"",
        }[damage]
    )
    if damage == "missing":
        path.unlink()
    with pytest.raises(DataError, match="w.safetensors"):
        artifact.load_tensors(path)


def test_not_finite_tensors_are_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    artifact.save_tensors(path, {"a": torch.tensor([1.0, float("nan")])})
    with pytest.raises(DataError, match="a holds NaN"):
        artifact.load_tensors(path)
