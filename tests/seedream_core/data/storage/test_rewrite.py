"""Records rewritten, pictures untouched; refused where something is missing."""

import json

import numpy as np
import pytest

from seedream_core.data.storage import rewrite
from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.errors import DataError, UserError
from seedream_core.records import Sample


@pytest.fixture
def shards(tmp_path):
    with ShardWriter(tmp_path / "data" / "shards", 2) as writer:
        for i in range(5):
            writer.add(
                f"k{i}",
                {
                    "png": b"p%d" % i,
                    "json": Sample(key=f"k{i}", name=f"site/{i}.jpg", width=1, height=1, captions={}).to_json(),
                },
            )
    return tmp_path / "data"


def test_rewrite(shards, tmp_path):
    (shards / "features").mkdir()
    np.save(shards / "features" / "look.npy", np.arange(10.0).reshape(5, 2))
    reader = rewrite.whole(shards)

    def change(row, sample):
        return Sample(key=sample.key, width=1, height=1, captions={}, weight=float(row))

    rewrite.rewrite(reader, change, tmp_path / "out", stage="data/test", made_from="x", samples_per_shard=3)
    made = ShardReader(tmp_path / "out")
    assert [made.read(i)["png"] for i in range(5)] == [b"p%d" % i for i in range(5)]
    assert [Sample.from_json(made.read(i)["json"]).weight for i in range(5)] == [0, 1, 2, 3, 4]
    assert rewrite.features(tmp_path / "out", "look", 5)[4].tolist() == [8, 9]
    fates = [json.loads(line) for line in (tmp_path / "out" / "fates.jsonl").read_text().splitlines()]
    assert [(fate["key"], fate["name"], fate["fate"], fate["stage"]) for fate in fates] == [
        (f"k{i}", f"site/{i}.jpg", "kept", "data/test") for i in range(5)
    ]


def test_features_are_carried_for_what_is_kept(shards, tmp_path):
    (shards / "features").mkdir()
    np.save(shards / "features" / "look.npy", np.arange(10, dtype=np.float16).reshape(5, 2))
    out = tmp_path / "out"
    out.mkdir()
    (out / "fates.jsonl").write_text(
        "".join(json.dumps({"key": f"k{i}", "fate": "quarantined" if i == 1 else "kept"}) + "\n" for i in range(5))
    )
    reader = rewrite.whole(shards)
    rewrite.carry(reader, out)
    values = np.load(out / "features" / "look.npy")
    assert values[:, 0].tolist() == [0, 4, 6, 8] and values.dtype == np.float16
    np.save(shards / "features" / "look.npy", np.zeros((4, 2)))
    with pytest.raises(DataError, match="look.npy has 4 rows for 5 samples"):
        rewrite.carry(reader, out)


def test_what_is_missing_is_reported(shards, tmp_path):
    with pytest.raises(UserError, match="has no 'look'; it has none"):
        rewrite.features(shards, "look", 5)
    (shards / "features").mkdir()
    np.save(shards / "features" / "look.npy", np.zeros((5, 2, 3), np.float16))
    assert rewrite.features(shards, "look", 5).shape == (5, 6)
    with pytest.raises(DataError, match="for 4 samples"):
        rewrite.features(shards, "look", 4)
    (shards / "shards" / "00001.tar").unlink()
    with pytest.raises(DataError, match="missing|cut off"):
        rewrite.whole(shards)
