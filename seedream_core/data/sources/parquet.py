"""Source of pictures from Parquet files: as paths, as bytes, or in the format of HF datasets ({bytes, path}).

Each process reads files in batches, and only the columns that are known here. For a row group of any size, one page of
each column and a few rows are in memory (pyarrow as a writer checks a page's size only every 1,024 rows).
"""

import os
import stat
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedream_core.data.sources import Item, Items, Listing, Lost, Raw, raw_captions
from seedream_core.data.sources.folder import shown, walk
from seedream_core.data.sources.table import COLUMNS, KEYS, PictureTable
from seedream_core.data.storage.shards import MEMBER_BYTES
from seedream_core.errors import DataError, UserError
from seedream_core.extras import extra
from seedream_core.records import Sample

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

EMBEDDED = ("image_bytes", "jpg", "png", "webp")
CAPTION_COLUMNS = (
    "captions",
    *raw_captions.BARE,
    *(f"caption_{language}" for language in raw_captions.LANGUAGES),
    "url",
)
ROWS = 16
"""Rows in memory at once."""
BUFFER = 2**20


@dataclass(frozen=True, slots=True)
class _Group:
    """One row group: its position in the file, and the names of its rows."""

    file: str
    stamp: int
    number: int
    first: int
    """Number of rows of the file before this group."""
    names: list[str | None]
    paths: list[str | None]


@dataclass(frozen=True, kw_only=True)
class Parquet(PictureTable):
    """`path` is a file, or a folder of `.parquet` files."""

    def listing(self) -> Listing:
        self.check()
        listing, groups = Listing(), []
        for name in self._files(listing):
            try:
                groups += self._groups(name, listing)
            except DataError as error:
                if Path(self.path).is_file():
                    raise UserError(f"{self.path}: {error.message}") from None
                listing.lost.append(Lost(shown(name), shown(name), error.message))
        starts = [0]
        for group in groups:
            starts.append(starts[-1] + len(group.names))

        def item(index: int) -> Item:
            at = bisect_right(starts, index) - 1
            group, row = groups[at], index - starts[at]
            place = f"{shown(group.file)}:{group.first + row + 1}"
            picture = self.stamp(group.paths[row]) if group.paths[row] else None
            return Item(group.names[row] or place, place, (group.file, group.stamp, group.number, row, picture))

        listing.items = Items(item, range(starts[-1]))
        return listing

    def read(self, item: Item) -> Raw:
        file, stamp, group, row, _ = item.at
        row = _filled(_rows(self._path(file), stamp, group, self._wanted).at(row))
        return self.raw({self.caption: ""} | row if self.caption else row)

    def picture(self, column: str, value: Any) -> bytes:
        if isinstance(value, Mapping):
            value = value.get("bytes") or value.get("path")
        if isinstance(value, str):
            return super().picture(column, value)
        if not isinstance(value, bytes):
            raise DataError(f"no picture: {column} is {str(value)[:40]!r}, neither a picture's bytes nor its path")
        if len(value) > MEMBER_BYTES:
            raise DataError(f"too large: a picture of {len(value)} bytes, over {MEMBER_BYTES}")
        return value

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.image,) if self.image else (*COLUMNS, *EMBEDDED)

    @property
    def _wanted(self) -> frozenset[str]:
        return frozenset(
            {
                *KEYS,
                *self.columns,
                *CAPTION_COLUMNS,
                *(one.name for one in fields(Sample)),
                *filter(None, [self.caption]),
            }
        )

    def _files(self, listing: Listing) -> list[str]:
        """Paths of the files relative to the folder, or the name of the single file."""
        path = self._there("file or folder", Path.exists)
        if path.is_file():
            return [path.name]
        files = []
        for name in walk(path, listing):
            if name.endswith(".parquet"):
                files.append(name)
            else:
                listing.ignored[os.path.splitext(name)[1] or "no extension"] += 1
        if not files:
            raise UserError(f"{self.path}: no .parquet files found")
        return files

    def _path(self, name: str) -> str:
        return os.path.join(self.path, name) if os.path.isdir(self.path) else self.path

    def _groups(self, name: str, listing: Listing) -> Iterator[_Group]:
        """The row groups of a file; a group that cannot be read is listed as lost."""
        path = self._path(name)
        file, time, first = _open(path), os.stat(path).st_mtime_ns, 0
        if self.caption and self.caption not in file.schema_arrow.names:
            raise DataError(f"no column: {self.caption}; there are {', '.join(file.schema_arrow.names)[:200]}")
        there = [column for column in (*KEYS, *self.columns) if column in file.schema_arrow.names]
        if not set(there) & set(self.columns):
            raise DataError(
                f"no column: none is called {', '.join(self.columns)}; there are "
                f"{', '.join(file.schema_arrow.names)[:200] or 'none'}"
            )
        texts = [column for column in there if _named_by(file.schema_arrow.field(column).type)]
        for number in range(file.num_row_groups):
            rows = file.metadata.row_group(number).num_rows
            try:
                columns = {column: [] for column in texts}
                for batch in file.iter_batches(4096, row_groups=[number], columns=texts) if texts else ():
                    for column in texts:
                        columns[column] += map(_name, batch.column(column).to_pylist())
                named = (
                    list(map(_first, *columns.values()))
                    if len(texts) > 1
                    else columns[texts[0]]
                    if texts
                    else [None] * rows
                )
                paths = next((columns[column] for column in self.columns if column in texts), [None] * rows)
                if len(named) != rows:
                    raise DataError(f"{len(named)} rows but the file's metadata says {rows}")
                yield _Group(name, time, number, first, named, paths)
            except (*_errors(), DataError, UnicodeDecodeError) as error:
                place = f"{shown(name)}:{first + 1}-{first + rows}"
                listing.lost.append(Lost(place, place, f"cannot be read: row group {number}: {_error_text(error)}"))
            first += rows


class _Rows:
    """Reads rows of one row group forwards, a batch at a time; a row before the current one restarts the group."""

    def __init__(self, path: str, group: int, wanted: frozenset[str]) -> None:
        self.path, self.group = path, group
        self.file = _open(path)
        self.columns = [name for name in self.file.schema_arrow.names if name in wanted]
        self._begin()

    def _begin(self) -> None:
        self.batches, self.batch, self.first = (
            self.file.iter_batches(ROWS, row_groups=[self.group], columns=self.columns),
            None,
            0,
        )

    def at(self, row: int) -> dict[str, Any]:
        if row < self.first:
            self._begin()
        try:
            while self.batch is None or row >= self.first + len(self.batch):
                self.first += len(self.batch) if self.batch is not None else 0
                self.batch = next(self.batches)
            return self.batch.slice(row - self.first, 1).to_pylist(maps_as_pydicts="lossy")[0]
        except UnicodeDecodeError as error:
            raise DataError(f"not UTF-8: byte {error.start} of a row's text") from None
        except (*_errors(), StopIteration) as error:
            self._begin()
            raise DataError(f"cannot be read: row group {self.group}: {_error_text(error)}") from None


@lru_cache(maxsize=1)
def _rows(path: str, stamp: int, group: int, wanted: frozenset[str]) -> _Rows:
    return _Rows(path, group, wanted)


def _open(path: str) -> "ParquetFile":
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise DataError("no regular file")
    parquet = extra("pyarrow.parquet", "data", "the source 'parquet'")
    try:
        # Without pre-buffering and with a buffer, pages are read on demand; otherwise whole columns of a row group.
        return parquet.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER, page_checksum_verification=True)
    except _errors() as error:
        raise DataError(f"not a valid Parquet file: {_error_text(error)}") from None


def _errors() -> tuple[type[Exception], ...]:
    from pyarrow import ArrowException

    return ArrowException, OSError, ValueError, OverflowError


def _error_text(error: Exception) -> str:
    return str(getattr(error, "message", error)).partition("\n")[0][:120] or "the file is truncated"


def _named_by(kind: Any) -> bool:
    """Whether values of this type can be names: text or whole numbers."""
    from pyarrow import types

    kind = kind.value_type if types.is_dictionary(kind) else kind
    return types.is_string(kind) or types.is_large_string(kind) or types.is_integer(kind)


def _name(value: str | int | None) -> str | None:
    return None if value in (None, "") else str(value)


def _first(*names: str | None) -> str | None:
    return next((name for name in names if name is not None), None)


def _filled(value: Any) -> Any:
    """The mapping without null fields: in a table every row has every field."""
    if isinstance(value, Mapping):
        return {name: _filled(one) for name, one in value.items() if one is not None}
    return [_filled(one) for one in value] if isinstance(value, list) else value
