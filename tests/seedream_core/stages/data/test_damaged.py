"""Seven damaged shards (goals, section 3) through ingest and curate: each is reported with shard, offset and reason,
nothing else is lost.
"""

import io
import json
import random

import pytest
from PIL import Image

from seedream_core.data.curation.filters import Filter
from seedream_core.data.sources import Source
from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.data.storage.tar import BLOCK
from seedream_core.records import Sample
from seedream_core.stages.data.curate import CurateStage
from seedream_core.stages.data.ingest import IngestStage
from seedream_core.workflow.host import Host

COUNT, PER_SHARD, HIT = 120, 20, "s0025"
"""Six shards; the damage is done to the second one, in or beside this sample."""
SHARD = "00001.tar"


def key(number: int) -> str:
    return f"s{number:04d}"


def members(number: int, format: str = "png") -> dict[str, bytes]:
    picture, rng = io.BytesIO(), random.Random(number)
    Image.frombytes("RGB", (16, 12), rng.randbytes(16 * 12 * 3)).save(
        picture, {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}[format]
    )
    record = Sample(key=key(number), width=16, height=12, captions={"en": {"short": f"noise {number}"}})
    return {format: picture.getvalue(), "json": record.to_json()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    with ShardWriter(folder, PER_SHARD) as writer:
        for number in range(COUNT):
            writer.add(key(number), members(number))
    return folder


def cut(data: bytes, places: dict, at: str) -> bytes:
    return data[
        : {"sample": places["png"][0], "member": places["json"][0], "payload": places["png"][0] + BLOCK + 40}[at]
    ]


def flip(data: bytes, offset: int) -> bytes:
    return data[:offset] + bytes([data[offset] ^ 0x10]) + data[offset + 1 :]


def interleave(data: bytes, places: dict) -> bytes:
    """The last member of the sample and the first of the next one change places."""
    start, size, _ = places["json"]
    middle = start + BLOCK + size + -size % BLOCK
    following = int(data[middle + 124 : middle + 135], 8)
    end = middle + BLOCK + following + -following % BLOCK
    return data[:start] + data[middle:end] + data[start:middle] + data[end:]


SEVEN = {
    "cut between samples": lambda data, places: cut(data, places, "sample"),
    "cut between members": lambda data, places: cut(data, places, "member"),
    "cut inside a payload": lambda data, places: cut(data, places, "payload"),
    "a header byte flipped": lambda data, places: flip(data, places["png"][0] + 3),
    "a data byte flipped": lambda data, places: flip(data, places["png"][0] + BLOCK + 60),
    "empty": lambda data, places: b"",
    "interleaved keys": interleave,
}
REST = range(25, 40)
"""What a cut at the sample costs."""
COST = {
    "cut between samples": REST,
    "cut between members": REST,
    "cut inside a payload": REST,
    "a header byte flipped": [25],
    "a data byte flipped": [25],
    "empty": range(20, 40),
    "interleaved keys": [25, 26],
}
"""Samples that must be missing, with our index or without it: no more than the damage itself has cost."""


def damaged(whole, folder, kind: str, indexed: bool):
    folder.mkdir()
    for path in whole.iterdir():
        if indexed or path.suffix == ".tar":
            (folder / path.name).write_bytes(path.read_bytes())
    places = json.loads((whole / "00001.index.json").read_text())["samples"][HIT]
    (folder / SHARD).write_bytes(SEVEN[kind]((whole / SHARD).read_bytes(), places))
    return folder


def fates(out) -> list[dict]:
    return [json.loads(line) for line in (out / "fates.jsonl").read_text(encoding="utf-8").splitlines()]


def made(stage, out, workers: int = 1):
    out.mkdir()
    stage.run(out, Host(workers=workers))
    return out


def check(out, kind: str, indexed: bool) -> None:
    lost, rows = {key(number) for number in COST[kind]}, fates(out)
    quarantined = [row for row in rows if row["fate"] == "quarantined"]
    assert quarantined and all(row["source"].partition(":")[0] == SHARD and row["reason"] for row in quarantined)
    assert all("byte " in row["reason"] for row in quarantined if "flipped" not in kind or indexed)
    if indexed:
        assert lost <= {row["key"] for row in quarantined}
    reader = ShardReader(out)
    assert not reader.damage and set(reader.keys) == {key(number) for number in range(COUNT)} - lost
    assert {row["key"] for row in rows if row["fate"] == "kept"} == set(reader.keys)
    assert all(reader.read(index)["png"] == members(int(name[1:]))["png"] for index, name in enumerate(reader.keys))


@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "bare"])
@pytest.mark.parametrize("kind", SEVEN)
def test_ingest_tells_each_and_loses_no_more(whole, tmp_path, kind, indexed):
    folder = damaged(whole, tmp_path / "in", kind, indexed)
    stage = IngestStage(source=Source.find("webdataset")(path=str(folder)), bad_budget=1.0, samples_per_shard=50)
    out = made(stage, tmp_path / "out")
    check(out, kind, indexed)
    assert fates(made(stage, tmp_path / "two", 2)) == fates(out)


@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "bare"])
@pytest.mark.parametrize("kind", SEVEN)
def test_curate_tells_each_and_loses_no_more(whole, tmp_path, kind, indexed):
    folder = damaged(whole, tmp_path / "in", kind, indexed)
    check(
        made(CurateStage(data=folder, filters=(Filter.find("uniform")(),), dedup=(), bad_budget=1.0), tmp_path / "out"),
        kind,
        indexed,
    )
