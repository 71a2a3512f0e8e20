"""A table of pictures: one JSON object to a line."""

from dataclasses import dataclass

from seedream_core.data.sources import Listing
from seedream_core.data.sources.table import PictureTable
from seedream_core.errors import DataError
from seedream_core.records import load_json


@dataclass(frozen=True, kw_only=True)
class Jsonl(PictureTable):
    def listing(self) -> Listing:
        listing = Listing()
        with open(self.file, "rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    listing.items.append(self.item(number, _row(line.rstrip(b"\r\n").removeprefix(b"\xef\xbb\xbf"))))
        return listing


def _row(line: bytes) -> dict | str:
    """The row, or why it is none."""
    try:
        row = load_json(line)
    except DataError as error:
        return error.message
    return row if isinstance(row, dict) else "the line holds no mapping"
