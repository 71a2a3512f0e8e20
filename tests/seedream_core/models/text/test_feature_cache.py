"""Features on disk are those that were put there, whoever put them, and never those of another encoder."""

import multiprocessing
import os

import pytest
import torch

from seedream_core.models.text import feature_cache
from seedream_core.models.text.feature_cache import FeatureCache


def rows(*captions: str) -> dict[str, torch.Tensor]:
    return {caption: torch.full((len(caption) + 1, 8), float(len(caption))).bfloat16() for caption in captions}


def fill(folder, *captions: str) -> FeatureCache:
    cache = FeatureCache(folder, "encoder")
    cache.add(rows(*captions))
    cache.flush()
    return cache


def same(cache: FeatureCache, caption: str) -> bool:
    found = cache.read(caption)
    return found is not None and found.dtype == torch.bfloat16 and torch.equal(found, rows(caption)[caption])


def test_what_is_written_is_read_by_the_next_and_by_no_other_encoder(tmp_path):
    assert same(fill(tmp_path, "a", "猫猫", ""), "a")
    again = FeatureCache(tmp_path, "encoder")
    assert same(again, "a") and same(again, "猫猫") and same(again, "") and again.read("b") is None
    assert FeatureCache(tmp_path, "another").read("a") is None


def test_what_waits_can_be_read_and_is_written_when_it_fills_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_cache, "FILE_CAPTIONS", 3)
    cache = FeatureCache(tmp_path, "encoder")
    cache.add(rows("a", "bb"))
    assert same(cache, "a") and not list(tmp_path.rglob("*.safetensors"))
    cache.add(rows("ccc"))
    assert len(list(tmp_path.rglob("*.safetensors"))) == 1 and cache.waiting_bytes == 0
    cache.add(rows("a"))
    assert not cache.waiting  # it is there already
    monkeypatch.setattr(feature_cache, "FILE_BYTES", 1)
    cache.add(rows("d"))
    monkeypatch.undo()
    monkeypatch.setattr(feature_cache, "FILE_SECONDS", 0.0)
    cache.add(rows("ee"))
    assert len(list(tmp_path.rglob("*.safetensors"))) == 3 and not cache.waiting


def test_a_full_folder_stops_growing(tmp_path):
    cache = FeatureCache(tmp_path, "encoder", gigabytes=2000 / 2**30)
    for caption in ("a" * 20, "b" * 21, "c" * 22, "d" * 23, "e" * 24, "f" * 25):
        cache.add(rows(caption))
        cache.flush()
    assert 0 < sum(path.stat().st_size for path in tmp_path.rglob("*.safetensors")) <= 2000
    assert same(cache, "a" * 20) and cache.read("f" * 25) is None


def test_ranks_write_at_once_and_see_what_the_others_wrote(tmp_path):
    first = FeatureCache(tmp_path, "encoder")
    fork = multiprocessing.get_context("fork")
    ranks = [fork.Process(target=fill, args=(tmp_path, "a", "b" * rank)) for rank in range(2, 5)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join()
        assert rank.exitcode == 0
    assert first.read("bb") is None
    first.flush()
    assert all(same(first, caption) for caption in ("a", "bb", "bbb", "bbbb"))


@pytest.mark.parametrize("harm", [lambda path: os.truncate(path, 40), lambda path: path.write_bytes(b"")])
def test_a_damaged_file_is_taken_away_and_one_that_goes_meanwhile_is_no_fault(tmp_path, harm):
    fill(tmp_path, "a")
    cache = FeatureCache(tmp_path, "encoder")
    (path,) = tmp_path.rglob("*.safetensors")
    harm(path)
    assert cache.read("a") is None
    assert FeatureCache(tmp_path, "encoder").read("a") is None and not path.exists()
    fill(tmp_path, "a")
    cache = FeatureCache(tmp_path, "encoder")
    for path in tmp_path.rglob("*.safetensors"):
        path.unlink()
    assert cache.read("a") is None
