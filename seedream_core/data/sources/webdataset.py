"""Source of samples from tar shards in the webdataset layout: made by img2dataset, by webdataset, or by this project.

Our index has a CRC for every byte. Without an index a flipped bit is found only if the file format itself has a check:
in PNG always (600 of 600 tries), in our records 73% (of 2,000), in WebP 12% (of 600), in JPEG 2% (of 600).
"""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from seedream_core.data.images.pictures import FORMATS
from seedream_core.data.sources import Item, Items, Listing, Lost, Raw, Source, raw_captions
from seedream_core.data.storage.members import DamagedSample, ShardFile
from seedream_core.data.storage.shards import OPEN_SHARDS, ShardReader
from seedream_core.errors import DataError
from seedream_core.records import load_json

USED = {*FORMATS, "json", "txt"}
"""Members that `read` uses; all others are counted as ignored."""


@dataclass(frozen=True, kw_only=True)
class Webdataset(Source):
    def listing(self) -> Listing:
        reader = ShardReader(self.folder)
        stamps: dict[str, int] = {}

        def item(index: int) -> Item:
            shard, places = reader.shard(index), reader.places(index)
            if shard not in stamps:
                stamps[shard] = (reader.folder / shard).stat().st_mtime_ns
            # Enough to read the sample: no other process needs to open the indexes or scan the headers again.
            at = (str(reader.folder / shard), stamps[shard], places.layout, tuple(places.numbers))
            return Item(reader.keys[index], f"{shard}:{reader.keys[index]}", at)

        lost = [
            Lost(
                damage.key or f"{damage.shard}@{damage.offset}",
                damage.shard,
                f"shard: byte {damage.offset}: {damage.reason}",
            )
            for damage in reader.damage
        ]
        unused = Counter(
            {extension: count for extension, count in reader.extensions().items() if extension not in USED}
        )
        return Listing(Items(item, range(len(reader))), lost, reader.ignored + unused + self._beside(reader.folder))

    def _beside(self, folder: Path) -> Counter[str]:
        """Number of other files beside the shards (neither shard nor index), by extension."""
        names = (path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
        ours = (".tar", ".index.json")
        return Counter(
            f".{name.partition('.')[2]}" if "." in name else "no extension" for name in names if not name.endswith(ours)
        )

    def read(self, item: Item) -> Raw:
        path, stamp, *places = item.at
        try:
            members = _shard(path, stamp).read(item.name, *places)
        except DamagedSample as error:
            raise DataError(f"shard: byte {error.damage.offset}: {error.damage.reason}") from None
        except OSError as error:
            raise DataError(f"shard: it cannot be read ({error.strerror})") from None
        names = [name for name in members if name in FORMATS]
        if len(names) != 1:
            raise DataError(
                f"several pictures: {', '.join(names)}" if names else f"no picture: only {', '.join(members)}"
            )
        row = load_json(members["json"]) if "json" in members else {}
        if not isinstance(row, dict):
            raise DataError("the json holds no mapping")
        captions = raw_captions.captions(row)
        if "txt" in members:
            captions = raw_captions.merge(captions, raw_captions.bare(raw_captions.text(members["txt"])))
        return Raw(members[names[0]], captions, row)


@lru_cache(maxsize=OPEN_SHARDS)
def _shard(path: str, stamp: int) -> ShardFile:
    """Opens the shard as it was at this modification time."""
    return ShardFile(Path(path))
