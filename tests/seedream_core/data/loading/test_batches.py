"""The batch of a step is a function of the step: the same rows after a resume, on any ranks, workers and parts."""

import io
import json
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save

from seedream_core.data.loading import stores
from seedream_core.data.loading.batches import Batches, latent_batches, micro_batches, picture_batches, text_batches
from seedream_core.data.loading.caption_mix import CaptionMix
from seedream_core.data.loading.latents import NORMALISATION
from seedream_core.data.loading.schedules import Shuffled
from seedream_core.data.loading.stores import PictureStore
from seedream_core.data.storage.shards import ShardWriter
from seedream_core.errors import DataError, UserError
from seedream_core.records import Sample
from seedream_core.workflow.host import Host, Train

COUNT, CHANNELS = 23, 4


def record(i: int, weight: float = 1.0) -> bytes:
    captions = {"en": {"short": f"picture {i}"}, "zh": {"short": f"图 {i}"}}
    return Sample(key=f"s{i}", width=32, height=16, captions=captions, weight=weight).to_json()


def latent(i: int) -> dict[str, torch.Tensor]:
    return {"mean": torch.full((CHANNELS, 1, 2), float(i)).half(), "std": torch.full((CHANNELS, 1, 2), 0.25).half()}


def write(folder, weights=(1.0,) * COUNT):
    with ShardWriter(folder / "shards", 10) as writer:
        for i, weight in enumerate(weights):
            writer.add(f"s{i}", {"latent.safetensors": save(latent(i)), "json": record(i, weight)})
    statistics = {"mean": [1.0, 2.0, 3.0, 4.0], "std": [1.0, 2.0, 2.0, 4.0]}
    (folder / NORMALISATION).write_text(json.dumps(statistics))
    return folder


@pytest.fixture
def latents(tmp_path):
    return write(tmp_path)


@pytest.fixture
def weighted(tmp_path):
    return write(tmp_path, [0.0, 4.0] + [0.5 + i / 10 for i in range(COUNT - 2)])


@pytest.fixture
def pictures(tmp_path):
    with ShardWriter(tmp_path / "shards", 10) as writer:
        for i in range(COUNT):
            buffer = io.BytesIO()
            Image.fromarray(np.full((16, 32, 3), i * 10, np.uint8)).save(buffer, "PNG")
            writer.add(f"s{i}", {"png": buffer.getvalue(), "json": record(i)})
    return tmp_path


def make(data, kind="latents", steps=6, global_batch=8, seed=0, mix=CaptionMix(), **host) -> Batches:
    batches = latent_batches if kind == "latents" else picture_batches
    return batches(
        data, train=Train(steps=steps, global_batch=global_batch, seed=seed), captions=mix, host=Host(**host)
    )


def same(a, b) -> bool:
    return a.step == b.step and a.keys == b.keys and a.captions == b.captions and torch.equal(a.latents, b.latents)


def test_equal_weights_change_nothing_be_they_what_they_may(tmp_path, latents):
    (tmp_path / "third").mkdir()
    third = make(write(tmp_path / "third", [1 / 3] * COUNT))
    assert all(same(make(latents).batch(step), third.batch(step)) for step in range(9))
    assert isinstance(third.schedule, Shuffled)


def test_samples_come_as_often_as_their_weight_says(weighted):
    batches = make(weighted, global_batch=COUNT)
    counts = Counter(key for epoch in range(200) for key in batches.batch(epoch).keys)
    assert "s0" not in counts
    weights = [4.0] + [0.5 + i / 10 for i in range(COUNT - 2)]
    for i, weight in enumerate(weights, 1):
        assert abs(counts[f"s{i}"] / (200 * COUNT) / (weight / sum(weights)) - 1) < 0.01


def test_weighted_resume_ranks_and_workers_change_nothing(weighted):
    whole = list(make(weighted, steps=9).train_dataloader())
    resumed = make(weighted, steps=9, workers=2)
    resumed.first_step = 5
    assert all(map(same, resumed.train_dataloader(), whole[5:]))
    for step in (0, 4, 7):
        split = [make(weighted).batch(step, rank, 4) for rank in range(4)]
        assert [key for keys in zip(*(batch.keys for batch in split)) for key in keys] == whole[step].keys


def test_weights_count_within_a_subset(weighted):
    batches = latent_batches(weighted, train=Train(steps=1, global_batch=4), only=[0, 1, 2])
    counts = Counter(key for step in range(60) for key in batches.batch(step).keys)
    assert set(counts) == {"s1", "s2"} and 6 < counts["s1"] / counts["s2"] < 10  # 4.0 to 0.5


def test_resume_goes_on_as_if_never_stopped(latents):
    whole = list(make(latents).train_dataloader())
    assert [batch.step for batch in whole] == list(range(6))
    resumed = make(latents)
    resumed.first_step = 4
    assert all(map(same, resumed.train_dataloader(), whole[4:]))


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_do_not_change_the_order(latents, workers):
    alone, helped = make(latents, steps=5), make(latents, steps=5, workers=workers)
    pairs = list(zip(alone.train_dataloader(), helped.train_dataloader(), strict=True))
    assert len(pairs) == 5 and all(same(a, b) for a, b in pairs)


def test_ranks_and_parts_make_up_the_global_batch(latents):
    batches = make(latents)
    whole = batches.batch(2)
    split = [batches.batch(2, rank, 2, part, 2) for rank in (0, 1) for part in (0, 1)]
    assert sorted(key for batch in split for key in batch.keys) == sorted(whole.keys)
    places = [whole.keys.index(key) for batch in split for key in batch.keys]
    assert torch.equal(torch.cat([batch.latents for batch in split]), whole.latents[places])
    assert [caption for batch in split for caption in batch.captions] == [whole.captions[place] for place in places]


def test_micro_batches():
    train = Train(steps=1, global_batch=24)
    assert micro_batches(train, Host()) == 1
    assert micro_batches(train, Host(micro_batch=5)) == 6
    assert micro_batches(train, Host(devices=2, nodes=2, micro_batch=3)) == 2
    with pytest.raises(UserError, match="use 20 or 25"):
        micro_batches(train, Host(devices=5))


def test_a_step_in_micro_batches(latents):
    parts = list(make(latents, micro_batch=2).train_dataloader())
    assert [batch.step for batch in parts] == [step for step in range(6) for _ in range(4)]
    whole = make(latents).batch(1)
    assert torch.equal(torch.cat([batch.latents for batch in parts[4:8]]), whole.latents)


def test_latents_are_sampled_and_normalised(latents):
    batches = make(latents, steps=200)
    assert batches.batch(0).latents.shape == (8, CHANNELS, 1, 2)
    i = 7
    drawn = [
        (batch := batches.batch(step)).latents[batch.keys.index(f"s{i}")]
        for step in range(150)
        if f"s{i}" in batches.batch(step).keys
    ]
    z = torch.stack(drawn)
    mean = z.mean(dim=(0, 2, 3))
    assert torch.allclose(mean, torch.tensor([6.0, 2.5, 2.0, 0.75]), atol=0.1)
    assert torch.allclose(z[:, 0].std(), torch.tensor(0.25), atol=0.03) and not torch.equal(drawn[0], drawn[1])


def test_pictures_are_between_minus_one_and_one(pictures):
    batch = make(pictures, "images", mix=None).batch(0)
    assert batch.images.shape == (8, 3, 16, 32) and batch.images.dtype == torch.float32
    assert batch.captions == [""] * 8 and batch.latents is None
    for key, image in zip(batch.keys, batch.images):
        assert torch.allclose(image, torch.tensor(int(key[1:]) * 10 / 127.5 - 1))


def test_defects_in_the_records_mask_their_latents(tmp_path):
    spoiled = {
        3: [{"kind": "logo", "box": [0.5, 0.25, 0.6, 0.5], "score": 0.9}],
        5: [{"kind": "mosaic", "box": [0, 0, 1, 1]}],
    }
    with ShardWriter(tmp_path / "shards", 10) as writer:
        for i in range(8):
            members = {name: torch.full((CHANNELS, 8, 8), value).half() for name, value in (("mean", i), ("std", 0.0))}
            record = Sample(key=f"s{i}", width=64, height=64, captions={}, boxes=tuple(spoiled.get(i, ())))
            writer.add(f"s{i}", {"latent.safetensors": save(members), "json": record.to_json()})
    (tmp_path / NORMALISATION).write_text(json.dumps({"mean": [0.0] * 4, "std": [1.0] * 4}))
    for mix in (CaptionMix(), None):
        batch = make(tmp_path, mix=mix).batch(0)
        assert batch.mask.shape == (8, 1, 8, 8) and batch.mask.dtype == torch.float32
        for key, mask in zip(batch.keys, batch.mask[:, 0]):
            masked = (
                []
                if (i := int(key[1:])) not in spoiled
                else range(64)
                if i == 5
                else [8 * row + column for row in range(1, 5) for column in range(3, 6)]
            )
            assert (mask.flatten() == 0).nonzero().flatten().tolist() == list(masked)
    batches = make(tmp_path, global_batch=2)
    for step in range(4):
        batch = batches.batch(step)
        assert (batch.mask is None) == ({"s3", "s5"}.isdisjoint(batch.keys))


def test_captions_follow_their_sample(latents):
    batch = make(latents, mix=CaptionMix(dropout=0.0)).batch(3)
    assert all(caption.split(" ")[1] == key[1:] for key, caption in zip(batch.keys, batch.captions))


def test_a_set_that_is_too_large_is_read_each_time(latents, monkeypatch):
    kept = make(latents)
    monkeypatch.setattr(stores, "RESIDENT_BYTES", 10)
    read = make(latents)
    assert all(same(kept.batch(step), read.batch(step)) for step in range(4))
    assert kept.store._kept and not read.store._kept


def test_wrong_data(latents, tmp_path):
    with pytest.raises(DataError, match="no picture"):
        make(latents, "images").batch(0)
    (latents / NORMALISATION).unlink()
    with pytest.raises(UserError, match="not latents"):
        make(latents)
    for name, members in {
        "nan": {"mean": torch.full((1, 1, 1), torch.nan).half(), "std": torch.ones(1, 1, 1).half()},
        "half": {"mean": torch.ones(1, 1, 1).half()},
        "wide": {"mean": torch.ones(1, 1, 1), "std": torch.ones(1, 1, 1)},
    }.items():
        folder = tmp_path / name
        with ShardWriter(folder / "shards") as writer:
            writer.add("s0", {"latent.safetensors": save(members), "json": record(0)})
        (folder / NORMALISATION).write_text('{"mean": [0.0], "std": [1.0]}')
        with pytest.raises(DataError, match="s0"):
            make(folder).batch(0)


def test_two_sizes_in_one_set(pictures):
    with ShardWriter(pictures / "shards", 10, first=3) as writer:
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8)).save(buffer, "PNG")
        writer.add("odd", {"png": buffer.getvalue(), "json": record(0)})
    with pytest.raises(DataError, match="odd has the shape|others"):
        list(make(pictures, "images").train_dataloader())


def test_squares_of_two_sizes_in_an_order_of_their_own(pictures):
    with ShardWriter(pictures / "shards", 10, first=3) as writer:
        buffer = io.BytesIO()
        Image.new("RGB", (50, 8), (255, 0, 0)).save(buffer, "PNG")
        writer.add("odd", {"png": buffer.getvalue(), "json": record(0)})

    class Backwards(Shuffled):
        def order(self, epoch):
            return np.arange(self.count)[::-1]

    train = Train(steps=2, global_batch=4)
    store = PictureStore(pictures, seed=0, captions=CaptionMix(), side=12)
    made = Batches(store, Backwards(0, len(store), 4), train=train)
    first = next(iter(made.train_dataloader()))
    assert first.keys[0] == "odd" and first.images.shape == (4, 3, 12, 12)
    assert first.images[0].flatten(1).mean(1).tolist() == [1, -1, -1]


def test_only_a_selection(latents):
    picked = latent_batches(latents, train=Train(steps=3, global_batch=4), host=Host(), only=[2, 5, 11, 22])
    assert len(picked) == 4
    for batch in picked.train_dataloader():
        assert sorted(batch.keys) == ["s11", "s2", "s22", "s5"]
    with pytest.raises(DataError, match="no samples"):
        latent_batches(latents, train=Train(steps=3), host=Host(), only=[])


def test_a_damaged_shard_stops_before_training(latents):
    shard = latents / "shards" / "00001.tar"
    shard.write_bytes(shard.read_bytes()[:3000])
    with pytest.raises(DataError, match="00001.tar"):
        make(latents)


def test_texts_come_in_parts_and_in_the_order_of_their_step():
    texts = [f"text {i}" for i in range(10)]
    train = Train(steps=3, global_batch=6)
    whole = list(text_batches(texts, train=train).train_dataloader())
    parts = list(text_batches(texts, train=train, host=Host(micro_batch=2)).train_dataloader())
    assert [key for batch in parts for key in batch.keys] == [key for batch in whole for key in batch.keys]
    assert len(whole) == 3 and len(parts) == 9 and all(len(batch.captions) == 2 for batch in parts)
    assert all(batch.captions == [texts[int(key)] for key in batch.keys] for batch in parts)
    assert sorted(key for batch in whole for key in batch.keys)[:10] != [str(i) for i in range(10)]  # 18 of 10


def test_tensors_of_a_batch_move_together_and_nothing_else_changes(latents):
    batch = make(latents).batch(1)
    moved = batch.to("meta", non_blocking=True)
    assert moved.latents.is_meta and moved.mask is None and (moved.keys, moved.step) == (batch.keys, 1)
    assert make(latents).transfer_batch_to_device(batch, torch.device("meta"), 0).latents.is_meta


def test_workers_stay_and_memory_is_pinned_only_for_a_gpu(latents, monkeypatch):
    assert not make(latents).train_dataloader().persistent_workers
    assert make(latents, workers=2).train_dataloader().persistent_workers
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert make(latents).train_dataloader().pin_memory
    assert not make(latents, accelerator="cpu").train_dataloader().pin_memory
