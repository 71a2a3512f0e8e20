"""Shards that others wrote and our own are read alike; damage is named, and nothing is extracted."""

import io
import tarfile

import webdataset

from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.records import Sample

STAR = "白色背景上有一个橙色五角星"


def test_shards_of_webdataset_and_of_img2dataset(tmp_path, png, source):
    with webdataset.ShardWriter(str(tmp_path / "%05d.tar"), maxcount=3, verbose=0) as writer:
        for number in range(5):
            writer.write(
                {
                    "__key__": f"{number:09d}",
                    "jpg": png(number),
                    "txt": STAR,
                    "json": {"url": "http://a/b", "caption": "other", "width": 8},
                }
            )
    shards = source("webdataset", tmp_path)
    items = shards.listing().items
    assert [item.place for item in items] == [f"{number // 3:05d}.tar:{number:09d}" for number in range(5)]
    raw = shards.read(items[4])
    assert raw.picture == png(4) and raw.captions == {"zh": {"short": STAR}, "en": {"short": "other"}}


def test_shards_of_ours_bring_their_records(tmp_path, png, source, reasons):
    record = Sample(key="k", width=8, height=6, captions={"en": {"short": "s"}}, scores={"sharp": 1.5}, truth={"a": 1})
    with ShardWriter(tmp_path / "shards") as writer:
        writer.add("k", {"png": png(), "json": record.to_json()})
        writer.add("bare", {"txt": b"words"})
    (tmp_path / "shards" / "00001.tar").write_bytes(b"nonsense" * 99)
    shards = source("webdataset", tmp_path)
    raw = shards.read(shards.listing().items[0])
    assert raw.record["truth"] == {"a": 1} and raw.captions == record.captions
    found = reasons(shards)
    assert (
        found.pop("bare") == "no picture: only txt" and len(found) == 1 and next(iter(found)).startswith("00001.tar@")
    )


def test_a_shard_that_leads_nowhere_is_reported(tmp_path, source, reasons):
    (tmp_path / "a.tar").symlink_to(tmp_path / "gone")
    assert "cannot be opened" in reasons(source("webdataset", tmp_path))["a.tar@0"]


def test_a_flipped_byte_is_found_when_read(tmp_path, png, source, reasons):
    with ShardWriter(tmp_path) as writer:
        writer.add("k", {"png": png()})
    offset = ShardReader(tmp_path).places(0).numbers[0] + 540
    with open(tmp_path / "00000.tar", "r+b") as shard:
        shard.seek(offset)
        shard.write(b"\xee")
    assert "fails its CRC32" in reasons(source("webdataset", tmp_path))["k"]


def test_hostile_tars_reach_no_file(tmp_path, png, source):
    with tarfile.open(tmp_path / "00000.tar", "w") as tar:
        for name in ("../up.png", "/etc/x.png", "ok.png"):
            info = tarfile.TarInfo(name)
            info.size = len(png())
            tar.addfile(info, io.BytesIO(png()))
    shards = source("webdataset", tmp_path)
    assert [item.name for item in shards.listing().items] == ["ok"] and len(shards.listing().lost) == 2


def test_files_beside_the_shards_are_reported(tmp_path, png, source):
    with ShardWriter(tmp_path) as writer:
        writer.add("k", {"png": png()})
    for name in ("b.tar.gz", "00000_stats.json", "README"):
        (tmp_path / name).write_text("x")
    assert source("webdataset", tmp_path).listing().ignored == {".tar.gz": 1, ".json": 1, "no extension": 1}
