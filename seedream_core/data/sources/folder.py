"""A folder of pictures, and of the folders in it; beside each picture, captions in `.txt` or `.json` of the same name."""

import os
from dataclasses import dataclass
from pathlib import Path

from seedream_core.data import told
from seedream_core.data.shards import MEMBER_BYTES
from seedream_core.data.sources import Item, Listing, Lost, Raw, Source
from seedream_core.errors import DataError
from seedream_core.records import JSON_BYTES, load_json

PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
SIDECARS = (".txt", ".json")


@dataclass(frozen=True, kw_only=True)
class Folder(Source):
    def listing(self) -> Listing:
        listing, stems = Listing(), set()
        beside: list[tuple[str, str]] = []
        for name in _walk(self.folder):
            stem, extension = os.path.splitext(name)
            if extension.lower() in PICTURES:
                stems.add(stem)
                if os.path.islink(self.folder / name):
                    listing.lost.append(Lost(name, name, "a symbolic link is not followed"))
                else:
                    listing.items.append(Item(name, name))
            else:
                beside.append((stem, extension.lower()))
        for stem, extension in beside:
            if extension in SIDECARS and stem not in stems:
                listing.lost.append(Lost(stem + extension, stem + extension, "no picture beside it"))
            elif extension not in SIDECARS:
                listing.ignored[extension or "no extension"] += 1
        return listing

    def read(self, item: Item) -> Raw:
        path = Path(self.path) / item.name
        picture = read_file(path, MEMBER_BYTES)
        row, captions = {}, {}
        if (sidecar := path.with_suffix(".json")).is_file():
            row = load_json(read_file(sidecar, JSON_BYTES))
            if not isinstance(row, dict):
                raise DataError(f"{sidecar.name} holds no mapping")
            captions = told.captions(row)
        if (sidecar := path.with_suffix(".txt")).is_file():
            captions = told.merge(captions, told.bare(told.text(read_file(sidecar, JSON_BYTES))))
        return Raw(picture, captions, row)


def read_file(path: Path, most: int) -> bytes:
    """A regular file of at most `most` bytes; DataError for anything else."""
    try:
        if not path.is_file():
            raise DataError(f"{path.name} is {'no regular file' if os.path.lexists(path) else 'not there'}")
        if (size := path.stat().st_size) > most:
            raise DataError(f"{path.name} of {size} bytes is over {most}")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error.strerror}") from None


def _walk(folder: Path) -> list[str]:
    """Every file under the folder, by its path from there, sorted; hidden ones and linked folders left out."""
    names = []
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        names += [os.path.relpath(os.path.join(root, name), folder) for name in files if not name.startswith(".")]
    return sorted(names)
