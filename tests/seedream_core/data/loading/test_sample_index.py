"""The compact index reads what `ShardReader` reads, leaves what is odd to it, and starts fast on a million samples."""

import json
import time

import numpy as np
import pytest

from seedream_core.data.loading import sample_index
from seedream_core.data.loading.sample_index import SampleIndex
from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.errors import DataError
from seedream_core.records import Sample


def write(folder, weights):
    with ShardWriter(folder / "shards", 4) as writer:
        for i, weight in enumerate(weights):
            record = Sample(key=f"k{i * 7}", width=1, height=1, captions={}, weight=weight)
            writer.add(record.key, {"txt": f"text {i}".encode() * i, "json": record.to_json()})
    return folder


@pytest.mark.parametrize("weights", ([1.0] * 10, [1.0, 1.0, 1.0, 1.0, 0.0, 1 / 3, 2.0, 1.0, 1.0, 1e9]))
def test_reads_what_the_reader_reads(tmp_path, weights):
    whole, compact = ShardReader(write(tmp_path, weights)), sample_index.opened(tmp_path)
    assert isinstance(compact, SampleIndex) and list(compact.keys) == whole.keys and len(compact) == 10
    assert [compact.read(i) for i in (9, 0, 4, 3)] == [whole.read(i) for i in (9, 0, 4, 3)]
    assert compact.weights().tolist() == weights and compact.damage == []
    with pytest.raises(IndexError):
        compact.keys[10]


def test_a_damaged_sample_is_found_when_it_is_read(tmp_path):
    shard = write(tmp_path, [1.0] * 4) / "shards" / "00000.tar"
    shard.write_bytes(shard.read_bytes().replace(b"text 3", b"text 8", 1))
    compact = sample_index.opened(tmp_path)
    assert compact.read(2)["txt"] == b"text 2text 2"
    with pytest.raises(DataError, match="k21.txt fails its CRC32"):
        compact.read(3)
    assert len(compact.damage) == 1


@pytest.mark.parametrize(
    "harm",
    [
        lambda tree: tree.pop("weights"),  # as shards had before
        lambda tree: tree.update(bytes=512),
        lambda tree: tree["weights"].update(k0=-1),
        lambda tree: tree["samples"]["k0"].update(txt=[0, 0]),
        lambda tree: tree["samples"]["k0"].update(txt=[512, 10**9, 0]),
        lambda tree: tree["samples"]["k0"].update(txt=[0, 0.5, 0]),
        lambda tree: tree["samples"].update({"../k": tree["samples"].pop("k0")}),
        lambda tree: tree["samples"].update(k7={"pkl": [0, 0, 0], "json": [0, 0, 0]}),
        lambda tree: tree["samples"].update(k28=tree["samples"].pop("k0")),  # also in the next shard
    ],
)
def test_what_is_odd_is_left_to_the_reader(tmp_path, harm):
    path = write(tmp_path, [1.0] * 8) / "shards" / "00000.index.json"
    tree = json.loads(path.read_text())
    harm(tree)
    path.write_text(json.dumps(tree))
    assert isinstance(sample_index.opened(tmp_path), ShardReader)


def test_a_shard_without_an_index_is_left_to_the_reader(tmp_path):
    (write(tmp_path, [1.0] * 8) / "shards" / "00001.index.json").unlink()
    assert isinstance(sample_index.opened(tmp_path), ShardReader)


@pytest.mark.slow
def test_a_million_samples_start_within_ten_seconds_and_sixty_bytes_each(tmp_path):
    """Indexes of 1,000 shards as the writer leaves them, the shards themselves sparse: no sample is read at start."""
    for shard in range(1000):
        samples, offset = {}, 0
        for row in range(1000):
            places = samples[f"s{shard * 1000 + row:09d}"] = {}
            for extension, size in (("latent.safetensors", 1264), ("json", 420)):
                places[extension] = [offset, size, row * 2654435761 % 2**32]
                offset += 512 + size + -size % 512
        tree = {"format": 1, "shard": f"{shard:05d}.tar", "bytes": offset, "samples": samples, "weights": {}}
        (tmp_path / f"{shard:05d}.index.json").write_text(json.dumps(tree, separators=(",", ":")))
        with open(tmp_path / f"{shard:05d}.tar", "wb") as file:
            file.truncate(offset)
    started = time.process_time()
    compact = SampleIndex(tmp_path)
    seconds = time.process_time() - started
    held = len(compact.keys.letters) + sum(
        part.nbytes for part in vars(compact).values() if isinstance(part, np.ndarray)
    )
    held += compact.keys.ends.nbytes
    print(f"{seconds:.2f} s of this core, {held / len(compact):.1f} bytes a sample")
    assert len(compact) == 10**6 and compact.keys[999_999] == "s000999999"
    assert held / len(compact) <= 60 and seconds <= 10
