"""Sources: where raw pictures and captions come from, each listed first and then read one by one, in any process.

A source lists its items in an order of its own that does not depend on the machine, and names each: names are what a
person would look for, and the only thing that keys are made from. Nothing is skipped: what is no sample is in `lost`
(one row of fates) or counted in `ignored`.
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
    """One sample that a source has, not read yet."""

    name: str
    place: str
    """File, and member or row."""
    at: Any = None
    """What the source needs to read it: small, sent to other processes, and different where the content is."""


@dataclass(frozen=True, slots=True)
class Lost:
    """What should have been a sample, or a whole damaged shard."""

    name: str
    place: str
    reason: str


class Items(Sequence[Item]):
    """Items that are made when they are asked for: a listing of millions need not lie in memory."""

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
    """Files or members that are no part of a sample, by their extension."""


@dataclass(frozen=True)
class Raw:
    """A sample as it was found."""

    picture: bytes
    captions: raw_captions.Captions = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)
    """What else its source says of it: fields of our own records."""


@dataclass(frozen=True, kw_only=True)
class Source(Component):
    """Contract: `listing()` once, `read(item)` for each; DataError from `read` says why that sample cannot be had."""

    path: str = field(metadata=OUTSIDE)
    """A folder (of folder, webdataset and pdf), a file (of jsonl and csv), or either (of parquet)."""

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
                f"source.path: {self.path} is {f'no {kind}' if path.exists() else 'not there'}",
                f"a {kind} is needed for the source {self.name()!r}",
            )
        return path
