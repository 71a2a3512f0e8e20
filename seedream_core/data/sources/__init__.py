"""Data sources: list the items of a folder or table first, then read them one by one, in any process.

The order of the list does not depend on the machine. Every item has a name that a person would search for; sample keys
are made from names only. Nothing is skipped silently: an item that cannot become a sample is in `lost` (one row of
fates), every other file is counted in `ignored`.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seedream_core.data.sources import raw_captions
from seedream_core.errors import UserError
from seedream_core.workflow.config import OUTSIDE, Component


@dataclass(frozen=True, slots=True)
class Item:
    """One sample of a source that has not been read yet."""

    name: str
    place: str
    """File, and member or row."""
    at: Any = None
    """The information with which the source reads the item: small, because it is sent to other processes; it changes
    when the content changes."""


@dataclass(frozen=True, slots=True)
class Lost:
    """An item that should have been a sample, or a whole damaged shard."""

    name: str
    place: str
    reason: str


class Items(Sequence[Item]):
    """Items that are created on access, so that a listing of millions need not stay in memory."""

    def __init__(self, make: Callable[[int], Item], rows: Sequence[int]) -> None:
        self.make, self.rows = make, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int | slice) -> "Item | Items":
        return Items(self.make, self.rows[index]) if isinstance(index, slice) else self.make(self.rows[index])


@dataclass
class Listing:
    items: Sequence[Item] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    """Number of files or members that do not belong to a sample, by extension."""


@dataclass(frozen=True)
class Raw:
    """A sample as it was found in the source."""

    picture: bytes
    captions: raw_captions.Captions = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)
    """Other fields from the source, under the names of our records."""


@dataclass(frozen=True, kw_only=True)
class Source(Component):
    """Contract: `listing()` is called once, `read(item)` for each item; `read` raises DataError with the reason if the
    sample cannot be read.
    """

    path: str = field(metadata=OUTSIDE)
    """A folder (for folder, webdataset and pdf), a file (for jsonl and csv), or either (for parquet)."""

    def listing(self) -> Listing:
        raise NotImplementedError

    def read(self, item: Item) -> Raw:
        raise NotImplementedError

    @property
    def folder(self) -> Path:
        return self._there("folder", Path.is_dir)

    @property
    def file(self) -> Path:
        return self._there("file", Path.is_file)

    def _there(self, kind: str, test: Callable[[Path], bool]) -> Path:
        path = Path(self.path)
        if not test(path):
            raise UserError(
                f"source.path: {self.path} {f'is no {kind}' if path.exists() else 'is not there'}",
                f"the source {self.name()!r} needs a {kind}",
            )
        return path
