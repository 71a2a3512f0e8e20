"""What tables of pictures have in common: each row names a picture file and says something of it.

What a finished step was made from is the table: a picture replaced under the same name is not noticed.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seedream_core.data.sources import Item, Raw, Source, raw_captions
from seedream_core.data.sources.folder import read_file
from seedream_core.data.storage.shards import MEMBER_BYTES
from seedream_core.errors import DataError, UserError

COLUMNS = ("image", "path", "file_name", "filename", "file")
KEYS = ("key", "id")


@dataclass(frozen=True, kw_only=True)
class PictureTable(Source):
    root: str | None = None
    """Folder that the pictures' paths start from; none for the table's own."""
    image: str | None = None
    """Column of the picture's path; none for the first there is of image, path, file_name, filename and file. A picture
    replaced under the same name is not noticed by a finished step: give a new --out."""
    caption: str | None = None
    """Column of a bare caption; none for what there is of captions, caption, text, prompt, caption_en and
    caption_zh.
    """

    def check(self) -> None:
        """UserError where no picture could be found, however its row names it."""
        if not os.path.isdir(self._root):
            raise UserError(
                f"source.root: {self._root} is {'no folder' if os.path.exists(self._root) else 'not there'}",
                "name the folder that the pictures' paths start from",
            )

    def item(self, number: int, row: Any) -> Item:
        """Row `number`, under its own key, else the name of its picture, else its place."""
        place = f"{os.path.basename(self.path)}:{number}"
        named = row if isinstance(row, Mapping) else {}
        name = next((str(named[name]) for name in (*KEYS, *self.columns) if named.get(name) not in (None, "")), place)
        picture = next((named[name] for name in self.columns if named.get(name)), None)
        return Item(name, place, (row, self.stamp(picture)))

    def read(self, item: Item) -> Raw:
        return self.raw(item.at[0])

    def raw(self, row: Mapping[str, Any] | str) -> Raw:
        """What a row says, or DataError; a row that is a string is the reason why it is none."""
        if isinstance(row, str):
            raise DataError(row)
        column = next((name for name in self.columns if row.get(name)), None)
        if column is None:
            raise DataError(f"no picture is named: none of {', '.join(self.columns)} is filled")
        if self.caption and self.caption not in row:
            raise DataError(f"no column: {self.caption}")
        captions = raw_captions.captions({"text": row[self.caption]} if self.caption else row)
        return Raw(self.picture(column, row[column]), captions, row)

    def picture(self, column: str, value: Any) -> bytes:
        """The picture that a cell names."""
        if "://" in (name := str(value)):
            raise DataError(
                f"an address, which is not fetched: {name[:120]}; img2dataset does, and its shards are a source"
            )
        return read_file(self._inside(name), MEMBER_BYTES, name)

    def stamp(self, picture: Any) -> tuple[int, int] | None:
        """Size and time of the picture that a row names: mended, it is another one. Nothing is read."""
        try:
            stat = os.stat(os.path.join(self._root, str(picture)))
        except (OSError, ValueError):
            return None
        return stat.st_size, stat.st_mtime_ns

    @property
    def columns(self) -> tuple[str, ...]:
        """Where a row may name its picture, the first filled one first."""
        return (self.image,) if self.image else COLUMNS

    @property
    def _root(self) -> str:
        return self.root or os.path.dirname(self.path) or "."

    def _inside(self, name: str) -> Path:
        """The file, which must lie under the root: a table of a stranger is no licence to read the whole disk."""
        root = Path(self._root).resolve()
        try:
            path = (root / name).resolve()
        except (OSError, ValueError, RuntimeError) as error:
            raise DataError(f"no path: {name[:80]!r} ({error})") from None
        if not path.is_relative_to(root):
            raise DataError(
                f"outside its root: {name[:80]!r} leads out of {root}; name a higher folder with source.root"
            )
        return path
