"""What a store hands out for its rows, apart from any schedule; the rest is tested through `Batches`."""

import json

import pytest
import torch
from safetensors.torch import save

from seedream_core.data.loading.caption_mix import CaptionMix
from seedream_core.data.loading.latents import NORMALISATION
from seedream_core.data.loading.stores import LatentStore, TextStore
from seedream_core.data.storage.shards import ShardWriter
from seedream_core.errors import DataError
from seedream_core.records import Sample


@pytest.fixture
def data(tmp_path):
    with ShardWriter(tmp_path / "shards", 4) as writer:
        for i in range(10):
            record = Sample(key=f"s{i}", width=16, height=16, captions={"en": {"short": f"picture {i}"}}, weight=i / 2)
            members = {"mean": torch.full((1, 2, 2), i).half(), "std": torch.zeros(1, 2, 2).half()}
            writer.add(f"s{i}", {"latent.safetensors": save(members), "json": record.to_json()})
    (tmp_path / NORMALISATION).write_text(json.dumps({"mean": [1.0], "std": [2.0]}))
    return tmp_path


def test_rows_of_a_subset_are_its_own(data):
    store = LatentStore(data, seed=0, captions=CaptionMix(dropout=0.0), only=[7, 2, 4])
    batch = store.batch([0, 2], 5)
    assert len(store) == 3 and batch.keys == ["s7", "s4"] and batch.captions == ["picture 7", "picture 4"]
    assert batch.latents[:, 0, 0, 0].tolist() == [3.0, 1.5] and batch.step == 5
    assert store.weights().tolist() == [3.5, 1.0, 2.0]


def test_without_a_mix_there_are_no_captions(data):
    assert LatentStore(data, seed=0).batch([1, 1], 0).captions == ["", ""]


def test_a_text_is_its_own_caption():
    store = TextStore(["a", "b"])
    batch = store.batch([1, 0, 1], 2)
    assert (len(store), batch.keys, batch.captions) == (2, ["1", "0", "1"], ["b", "a", "b"])


def test_nothing_to_train_on(data):
    with pytest.raises(DataError, match="no samples to train on"):
        LatentStore(data, seed=0, only=[])
