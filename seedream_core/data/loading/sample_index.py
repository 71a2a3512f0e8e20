"""What training knows of every sample before it reads one: key, place and weight, in a few numpy columns.

Made from the shards' own indexes, which the writer leaves beside them with the weights of the records: no record is
parsed at start-up, and captions and boxes are read with their sample. Places take 12 bytes a member, the rest 4 bytes,
the key's letters and, where weights differ, 8 bytes. 10^6 samples of two members and ten-letter keys took 8.6 s of
processor time (a busy AVX2 core) and 38 bytes each; `ShardReader` takes 138 bytes each, and parsed the records too.

Shards that lack such an index, and indexes with anything odd in them, are left to `ShardReader`, which says what is
wrong.
"""

import json
import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import overload

import numpy as np

from seedream_core.data.storage.members import NO_CRC, DamagedSample, ShardFile
from seedream_core.data.storage.shards import FORMAT, INDEX_BYTES, OPEN_SHARDS, ShardReader, limit
from seedream_core.data.storage.tar import BLOCK, Damage
from seedream_core.records import valid_key


class Keys(Sequence[str]):
    """Strings in one block of bytes."""

    def __init__(self, parts: list[bytes], ends: np.ndarray) -> None:
        self.letters, self.ends = b"".join(parts), ends

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, position: int) -> str: ...

    @overload
    def __getitem__(self, position: slice) -> list[str]: ...

    def __getitem__(self, position: int | slice) -> str | list[str]:
        if isinstance(position, slice):
            return [self[one] for one in range(*position.indices(len(self)))]
        if not 0 <= position < len(self):
            raise IndexError(position)
        first = int(self.ends[position - 1]) if position else 0
        return self.letters[first : int(self.ends[position])].decode("ascii")


class SampleIndex:
    """The samples of a folder of shards by position, as `ShardReader` numbers them; ValueError where it must do it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "shards" if (folder / "shards").is_dir() else folder
        self.damage: list[Damage] = []
        """Always empty when opened; what `read` could not read."""
        names = {name for name in os.listdir(self.folder) if not name.startswith(".")}
        self.shards = sorted(name for name in names if name.endswith(".tar"))
        if {f"{shard[:-4]}.index.json" for shard in self.shards} != {n for n in names if n.endswith(".index.json")}:
            raise ValueError("a shard without an index, or an index without a shard")
        self.layout: tuple[str, ...] = ()
        """Extensions of the members, the same for all."""
        letters, lengths, hashes, places, weights = [], [], [], [], []
        for shard in self.shards:
            keys, numbers, own = self._load(shard)
            letters.append("".join(keys).encode())
            lengths.append(np.fromiter(map(len, keys), np.uint32, len(keys)))
            hashes.append(np.fromiter(map(hash, keys), np.int64, len(keys)))
            places.append(numbers)
            weights.append(own)
        if not lengths:
            raise ValueError("no shards")
        counts = [len(each) for each in lengths]
        if len(np.unique(np.concatenate(hashes))) != sum(counts):
            raise ValueError("a key that is there twice")
        del hashes
        self.keys = Keys(letters, np.cumsum(np.concatenate(lengths), dtype=np.uint64).astype(np.uint32))
        if len(self.keys.letters) >= NO_CRC:
            raise ValueError("more than 4 GiB of keys")
        self.places = np.concatenate(places)
        """Count×members×3: the header's offset in blocks, size, CRC32 over both; uint32."""
        self.first = np.cumsum([0, *counts])
        self._weights = (
            None
            if all(own is None for own in weights)
            else np.concatenate([np.ones(count) if own is None else own for own, count in zip(weights, counts)])
        )
        self._open: OrderedDict[int, ShardFile] = OrderedDict()

    def __len__(self) -> int:
        return len(self.keys)

    def weights(self) -> np.ndarray:
        """Of every sample, as its record gives it."""
        return np.ones(len(self)) if self._weights is None else self._weights

    def read(self, position: int) -> dict[str, bytes]:
        """Extension -> bytes of one sample; raises DamagedSample, after noting it in `damage`."""
        shard = int(np.searchsorted(self.first, position, side="right")) - 1
        numbers = self.places[position].astype(np.int64)
        numbers[:, 0] *= BLOCK
        try:
            return self._file(shard).read(self.keys[position], self.layout, numbers.ravel().tolist())
        except DamagedSample as error:
            self.damage.append(error.damage)
            raise

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_open": OrderedDict()}

    def _file(self, shard: int) -> ShardFile:
        if shard in self._open:
            self._open.move_to_end(shard)
        else:
            self._open[shard] = ShardFile(self.folder / self.shards[shard])
            if len(self._open) > OPEN_SHARDS:
                self._open.popitem(last=False)
        return self._open[shard]

    def _load(self, shard: str) -> tuple[list[str], np.ndarray, np.ndarray | None]:
        """Keys, places and weights (None where all are 1) of one shard."""
        path = self.folder / f"{shard[:-4]}.index.json"
        if path.stat().st_size > INDEX_BYTES:
            raise ValueError("too large")
        tree = json.loads(path.read_bytes())
        if not isinstance(tree, dict) or (tree.get("format"), tree.get("shard")) != (FORMAT, shard):
            raise ValueError("not an index of this shard")
        size, samples, weights = (tree.get(name) for name in ("bytes", "samples", "weights"))
        if size != (self.folder / shard).stat().st_size or not isinstance(samples, dict) or not samples:
            raise ValueError("not as long as its index says, or no samples")
        if not isinstance(weights, dict):
            raise ValueError("an index without weights, as shards had before")
        keys = list(samples)
        if not all(map(valid_key, keys)):
            raise ValueError("a malformed key")
        return keys, self._places(samples, size), _given(keys, weights)

    def _places(self, samples: dict[str, dict[str, list[int]]], size: int) -> np.ndarray:
        self.layout = self.layout or tuple(next(iter(samples.values())))
        if any(tuple(members) != self.layout for members in samples.values()):
            raise ValueError("samples of several layouts")
        flat = list(chain.from_iterable(_numbers(samples)))
        if set(map(type, flat)) != {int}:
            raise ValueError("a place that is no number")
        numbers = np.array(flat, np.int64).reshape(len(samples), len(self.layout), 3)
        offset, length, crc = np.moveaxis(numbers, 2, 0)
        if (
            numbers.min() < 0
            or (offset % BLOCK).any()
            or (offset + BLOCK + length > size).any()
            or size >= BLOCK * NO_CRC
            or crc.max() >= NO_CRC
            or (length > [limit(extension) or -1 for extension in self.layout]).any()
        ):
            raise ValueError("a place outside of its shard")
        numbers[:, :, 0] //= BLOCK
        return numbers.astype(np.uint32)


def opened(folder: Path) -> SampleIndex | ShardReader:
    """The samples of an artifact for training."""
    try:
        return SampleIndex(Path(folder))
    except (ValueError, TypeError, RecursionError, OSError):
        return ShardReader(folder)


def _numbers(samples: dict[str, dict[str, list[int]]]) -> Iterator[list[int]]:
    return chain.from_iterable(members.values() for members in samples.values())


def _given(keys: list[str], weights: dict[str, float]) -> np.ndarray | None:
    if not weights:
        return None
    found = np.array([weights.get(key, 1.0) for key in keys], np.float64)
    if not np.isfinite(found).all() or found.min() < 0:
        raise ValueError("a weight that is none")
    return found
