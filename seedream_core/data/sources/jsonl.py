"""Source of pictures from a JSON Lines table: one JSON object per line."""

from array import array
from dataclasses import dataclass

from seedream_core.data.sources import Item, Items, Listing
from seedream_core.data.sources.table import PictureTable
from seedream_core.errors import DataError
from seedream_core.records import load_json


@dataclass(frozen=True, kw_only=True)
class Jsonl(PictureTable):
    def listing(self) -> Listing:
        self.check()
        lines, numbers, starts = open(self.file, "rb"), array("Q"), array("Q")
        start = 0
        for number, line in enumerate(lines, 1):
            if line.strip():
                numbers.append(number)
                starts.append(start)
            start += len(line)

        def item(index: int) -> Item:
            lines.seek(starts[index])
            return self.item(numbers[index], _row(lines.readline().rstrip(b"\r\n").removeprefix(b"\xef\xbb\xbf")))

        return Listing(Items(item, range(len(numbers))))


def _row(line: bytes) -> dict | str:
    """The row, or a message that says why the line is not a row."""
    try:
        row = load_json(line)
    except DataError as error:
        return error.message
    return row if isinstance(row, dict) else "the line holds no mapping"
