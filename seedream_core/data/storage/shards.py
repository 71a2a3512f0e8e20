"""Writes and reads tar shards in the webdataset layout; the writer never shows a partial shard, the reader checks every
byte.

Samples are `key.ext` members in plain ustar files that webdataset can read. Beside each `00000.tar` an index
`00000.index.json` gives offset, size and CRC32 (over header and payload) of every member, so that reading a sample
takes one positioned read per member and no damage stays unnoticed. Shards from outside, without an index, are scanned.
Nothing is ever extracted.
"""

import json
import os
import re
import unicodedata
from array import array
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from pathlib import Path

from isal.isal_zlib import crc32

from seedream_core.data.storage import tar
from seedream_core.data.storage.members import NO_CRC, DamagedSample, MemberPlaces, ShardFile
from seedream_core.data.storage.tar import BLOCK, Damage
from seedream_core.errors import DataError, UserError
from seedream_core.records import JSON_BYTES, Sample, valid_key
from seedream_core.workflow.artifact import sweep, write_atomic

FORMAT = 1
MEMBER_BYTES = 64 * 2**20
INDEX_BYTES = 256 * 2**20
OPEN_SHARDS = 64
EXTENSION_CHARACTERS = 32  # with a key of 64 the name fits a ustar header
_KINDS = {"png", "jpg", "jpeg", "jpe", "jfif", "webp", "json", "txt", "safetensors"}
_EXTENSION = re.compile(r"([a-z][a-z0-9]*\.)?[a-z]+")
_PICTURE = re.compile(
    r"gif|bmp|tiff?|avif|hei[cf]|jxl|(.*\.)(gif|bmp|tiff?|avif|hei[cf]|jxl|jpe?g|jpe|jfif|png|webp)", re.DOTALL
)
"""Extensions of picture formats that we do not store, so that members with them are reported."""
_UNSAFE = {"Cc", "Cs", "Cf", "Zl", "Zp"}
"""Unicode categories that a name must not contain: control characters, unassigned or private characters, characters
that change the direction of text or are invisible, line ends. Spaces of any width are allowed, because input methods
and macOS write them (U+3000, U+00A0, U+202F)."""
_JOINERS = "\u200c\u200d"
"""Characters of category Cf that are part of spelling: Persian and the Indic scripts need them, and so do most emoji of
people."""


@lru_cache(maxsize=1024)
def limit(extension: str) -> int | None:
    """Largest size of a member in bytes; None for an extension that is not allowed.

    Allowed are pictures, json, text and safetensors (also `ref0.png`, `latent.safetensors`): nothing that could be
    executed.
    """
    kind = extension.rpartition(".")[2]
    if kind not in _KINDS or len(extension) > EXTENSION_CHARACTERS or not _EXTENSION.fullmatch(extension):
        return None
    return JSON_BYTES if kind in ("json", "txt") else MEMBER_BYTES


class ShardWriter:
    """Writes samples into numbered shards; a shard gets its final name when it is complete, on disk and indexed.

    With `first` > 0 the shards before it are kept (a resumed stage), and later ones are written again.
    """

    def __init__(self, folder: Path, samples_per_shard: int = 1000, *, first: int = 0) -> None:
        self.folder = Path(folder)
        self.samples_per_shard = samples_per_shard
        self.shard = first
        self._keys: set[str] = set()
        self._index: dict[str, dict[str, list[int]]] = {}
        self._weights: dict[str, float] | None = {}
        self._file = None
        self._offset = 0
        self.folder.mkdir(parents=True, exist_ok=True)
        sweep(self.folder)
        for path in self.folder.iterdir():
            number = re.fullmatch(r"\.?(\d{5,})\.(tar|tar\.tmp|index\.json)", path.name)
            if number and (path.suffix == ".tmp" or int(number[1]) >= first):
                path.unlink()

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, kind, error, trace) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            if self._file is not None:
                with suppress(OSError):  # on a full disk closing fails like the write before it
                    self._file.close()
                self._file = None
            self._temporary.unlink(missing_ok=True)

    @property
    def _temporary(self) -> Path:
        return self.folder / f".{self.shard:05d}.tar.tmp"

    def add(self, key: str, members: Mapping[str, bytes]) -> None:
        """Appends one sample; its members are stored together, in the given order."""
        if not valid_key(key):
            raise DataError(f"{key!r} is not a valid sample key", "use up to 64 ASCII letters, digits, - and _")
        if key in self._keys:
            raise DataError(f"sample {key} is written twice")
        for extension, data in members.items():
            if len(data) > (limit(extension) or -1):
                raise DataError(f"{key}.{extension[:40]} of {len(data)} bytes is not allowed in a shard")
        if self._file is None:
            self._file = open(self._temporary, "wb", buffering=1 << 20)
            self._offset = 0
        entry = self._index[key] = {}
        for extension, data in members.items():
            head = tar.header(f"{key}.{extension}", len(data))
            self._file.write(head)
            self._file.write(data)
            self._file.write(bytes(tar.padding(len(data))))
            entry[extension] = [self._offset, len(data), crc32(data, crc32(head))]
            self._offset += BLOCK + len(data) + tar.padding(len(data))
        self._keys.add(key)
        self._weigh(key, members.get("json"))
        if len(self._index) >= self.samples_per_shard:
            self.close()

    def close(self) -> None:
        """Finishes the open shard: end mark, fsync, index, and only then the final name."""
        if self._file is None:
            return
        self._file.write(tar.END + bytes(-(self._offset + len(tar.END)) % tar.RECORD))
        self._file.flush()
        os.fsync(self._file.fileno())
        size = self._file.tell()
        self._file.close()
        self._file = None
        name = f"{self.shard:05d}"
        index = {"format": FORMAT, "shard": f"{name}.tar", "bytes": size, "samples": self._index}
        if self._weights is not None:
            index["weights"] = self._weights
        write_atomic(self.folder / f"{name}.index.json", json.dumps(index, separators=(",", ":")))
        os.replace(self._temporary, self.folder / f"{name}.tar")
        _sync(self.folder)
        self.shard += 1
        self._index, self._weights = {}, {}

    def _weigh(self, key: str, record: bytes | None) -> None:
        """Stores the weight in the index if it is not 1, so that training need not parse every record at start-up."""
        if record is None or self._weights is None:
            return
        try:
            weight = Sample.from_json(record).weight
        except DataError:  # reading the record will report what is wrong; the index then has no weights
            self._weights = None
        else:
            if weight != 1:
                self._weights[key] = weight


def complete_shards(folder: Path) -> int:
    """Number of complete shards in a folder of `ShardWriter`: a shard gets its name when it is complete."""
    return len(list(folder.glob("*.tar")))


class ShardReader:
    """All samples of a folder of shards (or of an artifact's `shards/`), by position; every byte is checked.

    The index of a sample is stored in columns: 28 bytes, 24 for each member, and its key.
    """

    def __init__(self, folder: Path) -> None:
        folder = Path(folder)
        self.folder = folder / "shards" if (folder / "shards").is_dir() else folder
        self.damage: list[Damage] = []
        """Damage found so far: when opening, and by `read`."""
        self.ignored: Counter[str] = Counter()
        """Extensions outside the allow-list, and their counts."""
        self.keys: list[str] = []
        self._shards: list[str] = []
        self._shard, self._first, self._numbers = array("I"), array("Q"), array("q")
        self._layout: list[tuple[str, ...]] = []
        self._open: OrderedDict[str, ShardFile] = OrderedDict()
        self._last: int | None = None
        self._file: ShardFile | None = None
        names = sorted(os.listdir(self.folder)) if self.folder.is_dir() else []
        shards = {name for name in names if name.endswith(".tar") and not name.startswith(".")}
        indexes = {name.removesuffix(".index.json") + ".tar": name for name in names if name.endswith(".index.json")}
        if not shards and not indexes:
            raise UserError(
                f"{folder}: no shards found", "a folder of .tar files is needed, or an artifact made of them"
            )
        seen: dict[str, str] = {}
        for shard in sorted(shards | indexes.keys()):
            self._shards.append(shard)
            try:
                for key, places in self._load(shard, shard in shards, indexes.get(shard)):
                    if key in seen:
                        self._lose(shard, places.numbers[0], f"key {key} is already in {seen[key]}", key)
                    else:
                        seen[key] = shard
                        self._add(key, places)
            except OSError as error:
                self._lose(shard, 0, f"cannot be opened: {error.strerror}")

    def __len__(self) -> int:
        return len(self.keys)

    def shard(self, index: int) -> str:
        return self._shards[self._shard[index]]

    def places(self, index: int) -> MemberPlaces:
        """Positions of one sample's members."""
        layout, first = self._layout[index], self._first[index]
        return MemberPlaces(layout, self._numbers[first : first + 3 * len(layout)])

    def extensions(self) -> Counter[str]:
        """Number of samples that have a member with each extension."""
        found: Counter[str] = Counter()
        for layout, count in Counter(self._layout).items():
            found.update(dict.fromkeys(layout, count))
        return found

    def read(self, index: int, *only: str) -> dict[str, bytes]:
        """Extension -> bytes of one sample, or of the given members of it; raises DamagedSample, after adding it to
        `damage`.
        """
        if self._shard[index] != self._last:
            self._last, self._file = self._shard[index], self._opened(self.shard(index))
        layout, first = self._layout[index], self._first[index]
        numbers = self._numbers[first : first + 3 * len(layout)]
        if only:
            chosen = [member for member in MemberPlaces(layout, numbers).members() if member[0] in only]
            layout, numbers = [member[0] for member in chosen], [number for member in chosen for number in member[1:]]
        try:
            return self._file.read(self.keys[index], layout, numbers)
        except DamagedSample as error:
            self.damage.append(error.damage)
            raise

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_open": OrderedDict(), "_last": None, "_file": None}

    def close(self) -> None:
        self._open.clear()
        self._last = self._file = None

    def _add(self, key: str, places: MemberPlaces) -> None:
        self.keys.append(key)
        self._shard.append(len(self._shards) - 1)
        self._first.append(len(self._numbers))
        self._layout.append(_interned(places.layout))
        self._numbers.extend(places.numbers)

    def _opened(self, shard: str) -> ShardFile:
        if shard in self._open:
            self._open.move_to_end(shard)
        else:
            self._open[shard] = ShardFile(self.folder / shard)
            if len(self._open) > OPEN_SHARDS:
                self._open.popitem(last=False)
        return self._open[shard]

    def _lose(self, shard: str, offset: int, reason: str, key: str | None = None) -> None:
        self.damage.append(Damage(shard, offset, reason, key))

    def _load(self, shard: str, exists: bool, index: str | None) -> Iterable[tuple[str, MemberPlaces]]:
        if index is None:
            return self._scanned(shard)
        try:
            size, samples = read_index(self.folder / index, shard)
        except ValueError as error:
            self._lose(shard, 0, f"its index {index} is unusable ({error}); the shard is scanned without CRCs")
            return self._scanned(shard) if exists else []
        there = os.fstat(self._opened(shard).descriptor).st_size if exists else 0
        if there != size:
            self._lose(shard, min(there, size), f"{there} bytes, but the index says {size}" if exists else "missing")
        return self._within(shard, there, samples) if there < size else samples.items()

    def _within(
        self, shard: str, there: int, samples: Mapping[str, MemberPlaces]
    ) -> Iterator[tuple[str, MemberPlaces]]:
        """Samples that a truncated shard still has."""
        for key, places in samples.items():
            cut = [
                (extension, offset) for extension, offset, size, _ in places.members() if offset + BLOCK + size > there
            ]
            if cut:
                self._lose(shard, cut[0][1], f"{key}.{cut[0][0]} is cut off", key)
            else:
                yield key, places

    def _scanned(self, shard: str) -> list[tuple[str, MemberPlaces]]:
        """Groups the members of a shard without an index into samples; a key that is incomplete or scattered is
        reported as lost.
        """
        groups: dict[str, dict[str, tuple[int, int, int]]] = {}
        strange: dict[str, tuple[int, str]] = {}
        unsafe: set[str] = set()
        lost: set[str] = set()
        torn: set[str] = set()
        last = None
        broken = False
        for item in tar.scan(self._opened(shard).descriptor, shard):
            if isinstance(item, Damage):
                self.damage.append(item)
                if item.breaks:
                    broken = True
                    torn.add(last)
                continue
            problem, key, extension = _split(item.name)
            if problem:
                if key not in unsafe:  # a sample's members share its name
                    self._lose(shard, item.offset, problem)
                unsafe.add(key)
                continue
            most = limit(extension)
            if most is None:
                self.ignored[extension] += 1
                if _PICTURE.fullmatch(extension):
                    strange.setdefault(key, (item.offset, item.name))
                continue
            if item.size > most:
                problem = f"{tar.printable(item.name)} of {item.size} bytes is over {most}"
            elif key in groups and key != last:
                problem = f"members of {tar.printable(key)} lie apart (interleaved or written twice)"
            elif extension in groups.get(key, ()):
                problem = f"{tar.printable(item.name)} is there twice"
            groups.setdefault(key, {})[extension] = (item.offset, item.size, NO_CRC)
            last = key
            if broken:
                broken = False
                torn.add(key)
            if problem and key not in lost:
                self._lose(shard, item.offset, problem, key)
                lost.add(key)
        for key in (key for key in strange if key not in groups):  # otherwise the other members will report it
            offset, name = strange[key]
            self._lose(
                shard,
                offset,
                f"{tar.printable(name)} is no png, jpg, jpeg or webp (a key ends at the first dot of its name)",
                key,
            )
        # Beside a break a sample may lack members: it counts only if it looks like the first sound one.
        sound = next((members.keys() for key, members in groups.items() if key not in torn and key not in lost), None)
        for key in (key for key in groups if key in torn and key not in lost and groups[key].keys() != sound):
            self._lose(
                shard,
                next(iter(groups[key].values()))[0],
                f"{tar.printable(key)} may lack members: the shard is broken beside it",
                key,
            )
            lost.add(key)
        return [
            (key, MemberPlaces(tuple(members), tuple(chain.from_iterable(members.values()))))
            for key, members in groups.items()
            if key not in lost
        ]


def _split(name: str) -> tuple[str, str, str]:
    """(problem, key, extension) of a member, split as webdataset does: at the first dot of the last path part; the
    problem is `hidden` if the name begins with that dot.
    """
    name = name.removeprefix("./")
    folder, slash, base = name.rpartition("/")
    stem, _, extension = base.partition(".")
    safe = name.isprintable() or not any(
        unicodedata.category(letter) in _UNSAFE for letter in name if letter not in _JOINERS
    )
    unsafe = name.startswith("/") or ".." in name.split("/") or "\\" in name or not safe or len(name) > 255
    return (
        f"name {tar.printable(name)} is unsafe" if unsafe else "",
        folder + slash + (stem or base),
        extension.lower() if stem else "hidden",
    )


def read_index(path: Path, shard: str) -> tuple[int, dict[str, MemberPlaces]]:
    """(size of the shard, key -> members) of an index, with every number checked; ValueError says what is wrong."""
    if path.stat().st_size > INDEX_BYTES:
        raise ValueError("too large")
    try:
        tree = json.loads(path.read_bytes())
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(tree, dict) or tree.get("format") != FORMAT or tree.get("shard") != shard:
        raise ValueError(f"not an index of {shard} in format {FORMAT}")
    size, samples = tree.get("bytes"), tree.get("samples")
    if type(size) is not int or not isinstance(samples, dict):
        raise ValueError("sizes or samples are missing")
    for key, members in samples.items():
        if not valid_key(key) or not isinstance(members, dict) or not members:
            raise ValueError(f"sample {tar.printable(key)} is malformed")
        numbers = []
        for extension, place in members.items():
            try:
                offset, length, crc = place
                if not (
                    type(offset) is type(length) is type(crc) is int
                    and offset >= 0
                    and 0 <= crc < NO_CRC
                    and 0 <= length <= (limit(extension) or -1)
                    and offset + BLOCK + length <= size
                ):
                    raise ValueError
            except (TypeError, ValueError):
                raise ValueError(f"member {tar.printable(f'{key}.{extension}')} is malformed") from None
            numbers += place
        samples[key] = MemberPlaces(tuple(members), numbers)
    return size, samples


@lru_cache(maxsize=1024)
def _interned(layout: tuple[str, ...]) -> tuple[str, ...]:
    """One shared object for all samples that have these extensions."""
    return layout


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
