"""A folder of tar shards in the webdataset layout: img2dataset's, webdataset's own, or ours."""

from dataclasses import dataclass
from functools import lru_cache

from seedream_core.data import told
from seedream_core.data.pictures import FORMATS
from seedream_core.data.shards import DamagedSample, ShardReader
from seedream_core.data.sources import Item, Listing, Lost, Raw, Source
from seedream_core.errors import DataError
from seedream_core.records import load_json

_reader = lru_cache(maxsize=1)(ShardReader)


@dataclass(frozen=True, kw_only=True)
class Webdataset(Source):
    def listing(self) -> Listing:
        _reader.cache_clear()
        reader = _reader(self.folder)
        stamps = {shard: (reader.folder / shard).stat().st_mtime_ns for shard in {reader.shard(index) for index in range(len(reader))}}
        items = [Item(key, f"{reader.shard(index)}:{key}", [index, stamps[reader.shard(index)]]) for index, key in enumerate(reader.keys)]
        lost = [Lost(damage.key or f"{damage.shard}@{damage.offset}", damage.shard, f"byte {damage.offset}: {damage.reason}")
                for damage in reader.damage]
        return Listing(items, lost, reader.ignored.copy())

    def read(self, item: Item) -> Raw:
        reader = _reader(self.folder)
        try:
            members = reader.read(item.at[0])
        except DamagedSample as error:
            raise DataError(f"byte {error.damage.offset}: {error.damage.reason}") from None
        names = [name for name in members if name in FORMATS]
        if len(names) != 1:
            raise DataError(f"{len(names)} pictures in the sample" if names else f"no picture beside {', '.join(members)}")
        row = load_json(members["json"]) if "json" in members else {}
        if not isinstance(row, dict):
            raise DataError("the json holds no mapping")
        captions = told.captions(row)
        if "txt" in members:
            captions = told.merge(captions, told.bare(told.text(members["txt"])))
        return Raw(members[names[0]], captions, row)
