"""Records are read by position without their pictures; a missing or wrong one is named with its sample."""

import pytest

from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.data.storage.stored_records import StoredCaptions, StoredRecords
from seedream_core.errors import DataError
from seedream_core.records import Sample


def record(row: int) -> bytes:
    return Sample(key=f"k{row}", width=1, height=1, captions={"en": {"short": f"number {row}"}}).to_json()


@pytest.fixture
def reader(tmp_path):
    with ShardWriter(tmp_path, 2) as writer:
        for row in range(3):
            writer.add(f"k{row}", {"png": b"p%d" % row, "json": record(row)})
        writer.add("bare", {"png": b"p"})
        writer.add("wrong", {"png": b"p", "json": b"{}"})
    return ShardReader(tmp_path)


def test_records_and_captions_by_position(reader):
    records, captions = StoredRecords(reader), StoredCaptions(reader)
    assert len(records) == 5 and [records[row].key for row in range(3)] == ["k0", "k1", "k2"]
    assert [captions[row]["en"]["short"] for row in range(3)] == ["number 0", "number 1", "number 2"]
    with pytest.raises(IndexError):
        records[5]


def test_a_missing_or_wrong_record_is_named(reader):
    with pytest.raises(DataError, match=r"(?s)bare: no json.*fix: run data/curate"):
        StoredRecords(reader)[3]
    with pytest.raises(DataError, match="wrong: record: lacks key"):
        StoredRecords(reader)[4]
