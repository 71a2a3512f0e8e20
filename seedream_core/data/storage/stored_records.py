"""Reads the records of stored samples, one at a time, without their pictures."""

from collections.abc import Mapping, Sequence

from seedream_core.data.storage.shards import ShardReader
from seedream_core.errors import DataError
from seedream_core.records import Sample


class StoredRecords(Sequence[Sample]):
    """The record of every sample, read from its shard on access; no record stays in memory."""

    def __init__(self, reader: ShardReader) -> None:
        self.reader = reader

    def __len__(self) -> int:
        return len(self.reader)

    def __getitem__(self, row: int) -> Sample:
        if not 0 <= row < len(self):
            raise IndexError(row)
        return record_of(self.reader.keys[row], self.reader.read(row, "json"))


class StoredCaptions(StoredRecords):
    """Only the captions of the records."""

    def __getitem__(self, row: int) -> Mapping[str, Mapping[str, str]]:
        return super().__getitem__(row).captions


def record_of(key: str, members: Mapping[str, bytes]) -> Sample:
    """The record among a sample's members; a DataError names the sample, for stages that stop at it."""
    try:
        return Sample.of(members)
    except DataError as error:
        raise DataError(f"{key}: {error.message}", error.fix) from None
