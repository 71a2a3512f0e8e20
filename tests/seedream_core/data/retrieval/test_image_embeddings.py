"""Embeddings of an artifact: in its order, the same on one process or two, and what cannot be read is reported."""

import numpy as np
import pytest
import toy_encoder
import toy_training as toy

from seedream_core.data.images.pictures import decode
from seedream_core.data.retrieval.image_embeddings import embed
from seedream_core.data.storage.engines import Engine
from seedream_core.data.storage.shards import ShardReader
from seedream_core.models.dual_encoder.artifact import load
from seedream_core.stages.data.synthetic import SyntheticStage


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return toy_encoder.make_encoder(tmp_path_factory.mktemp("ours") / "encoder")


def test_in_order_on_any_processes(tmp_path, encoder):
    SyntheticStage(samples=150, size=(32, 32)).run(tmp_path, toy.host())
    one, two = (list(embed(tmp_path, encoder, 150, Engine.find("pool")(), workers)) for workers in (1, 2))
    positions = [position for chunk in one for position in chunk.positions]
    assert positions == list(range(150)) and all(chunk.lost == {} for chunk in one)
    assert all(
        np.array_equal(first.vectors, second.vectors) and first.positions == second.positions
        for first, second in zip(one, two, strict=True)
    )
    reader = ShardReader(tmp_path)
    assert np.array_equal(
        one[0].vectors[:2], load(encoder).images([decode(reader.read(place)) for place in (0, 1)]).astype(np.float16)
    )


def test_what_cannot_be_read(tmp_path, encoder):
    SyntheticStage(samples=40, size=(32, 32), damage=0.9, seed=3).run(tmp_path, toy.host())
    path = tmp_path / "shards" / "00000.tar"
    data = bytearray(path.read_bytes())
    data[600] ^= 1
    path.write_bytes(data)
    (chunk,) = embed(tmp_path, encoder, 40, Engine.find("pool")(), 1)
    assert "fails its CRC32" in chunk.lost[0] and sorted([*chunk.positions, *chunk.lost]) == list(range(40))
    assert len(chunk.vectors) == len(chunk.positions) and any("picture" in reason for reason in chunk.lost.values())
