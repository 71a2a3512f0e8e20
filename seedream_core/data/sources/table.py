"""Shared part of the table sources: each row names a picture file and may hold captions and other fields.

A finished step depends on the table's contents: a picture that is replaced under the same name is not noticed.
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
    """Folder to which the pictures' paths are relative; if not set, the table's own folder."""
    image: str | None = None
    """Column with the picture's path; if not set, the first that exists of image, path, file_name, filename and file. A
    finished step does not notice a picture replaced under the same name: choose a new --out."""
    caption: str | None = None
    """Column with a bare caption; if not set, all that exist of captions, caption, text, prompt, caption_en and
    caption_zh."""

    def check(self) -> None:
        """UserError if no picture can be found, whatever the rows say."""
        if not os.path.isdir(self._root):
            raise UserError(
                f"source.root: {self._root} is {'not a folder' if os.path.exists(self._root) else 'not there'}",
                "name the folder to which the pictures' paths are relative",
            )

    def item(self, number: int, row: Any) -> Item:
        """Row `number`; its name is its own key, else the name of its picture, else its place."""
        place = f"{os.path.basename(self.path)}:{number}"
        named = row if isinstance(row, Mapping) else {}
        name = next((str(named[name]) for name in (*KEYS, *self.columns) if named.get(name) not in (None, "")), place)
        picture = next((named[name] for name in self.columns if named.get(name)), None)
        return Item(name, place, (row, self.stamp(picture)))

    def read(self, item: Item) -> Raw:
        return self.raw(item.at[0])

    def raw(self, row: Mapping[str, Any] | str) -> Raw:
        """Reads a row; a row given as a string is the reason for a DataError."""
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
        """The picture that a value of the table names."""
        if "://" in (name := str(value)):
            raise DataError(
                f"a URL, which is not downloaded: {name[:120]}; fetch it with img2dataset, and use its shards as source"
            )
        return read_file(self._inside(name), MEMBER_BYTES, name)

    def stamp(self, picture: Any) -> tuple[int, int] | None:
        """Size and time of the picture that a row names, so that a repaired picture counts as a new one. The file is
        not read.
        """
        try:
            stat = os.stat(os.path.join(self._root, str(picture)))
        except (OSError, ValueError):
            return None
        return stat.st_size, stat.st_mtime_ns

    @property
    def columns(self) -> tuple[str, ...]:
        """Values in which a row may name its picture; filled ones, in order."""
        return (self.image,) if self.image else COLUMNS

    @property
    def _root(self) -> str:
        return self.root or os.path.dirname(self.path) or "."

    def _inside(self, name: str) -> Path:
        """The file, which must lie under the root: a table from outside must not give access to the whole disk."""
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
