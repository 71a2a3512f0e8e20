"""Source of pictures from a CSV table: values separated by commas, semicolons or tabs, column names in the first line,
UTF-8 or GBK.
"""

import csv
import io
from dataclasses import dataclass

from seedream_core.data.sources import Item, Items, Listing, raw_captions
from seedream_core.data.sources.table import PictureTable
from seedream_core.errors import DataError, UserError

SEPARATORS = ("\t", ";", ",")
"""Possible separators: the first one that gives a picture column is used, otherwise the last."""


@dataclass(frozen=True, kw_only=True)
class Csv(PictureTable):
    def listing(self) -> Listing:
        self.check()
        text = self._text()
        rows = []
        try:
            for separator in SEPARATORS:
                table = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
                head = next(table, [])
                if set(head) & set(self.columns):
                    break
            if self.caption and self.caption not in head:
                raise UserError(
                    f"{self.path}:1: no column is called {self.caption}; there are {', '.join(head)[:200] or 'none'}",
                    "name the column of the captions with source.caption",
                )
            if not set(head) & set(self.columns):
                raise UserError(
                    f"{self.path}:1: no column is called {', '.join(self.columns)}; there are "
                    f"{', '.join(head)[:200] or 'none'}",
                    "name the column of the picture's path with source.image",
                )
            rows += ((table.line_num, values) for values in table if values)
        except csv.Error as error:
            raise UserError(
                f"{self.path}:{table.line_num}: {error}", "repair the table, or convert it to jsonl"
            ) from None

        def item(index: int) -> Item:
            number, values = rows[index]
            return self.item(
                number,
                dict(zip(head, values))
                if len(values) == len(head)
                else f"broken row: {len(values)} cells under {len(head)} columns",
            )

        return Listing(Items(item, range(len(rows))))

    def _text(self) -> str:
        try:
            return raw_captions.decode(self.file.read_bytes())
        except DataError as error:
            raise UserError(f"{self.path}: {error.message}", "convert it, for instance with iconv") from None
