"""Source of pictures from a folder and its subfolders, with captions in `.txt` or `.json` files of the same name.

The origin of a picture is the `source` or `url` in its json, otherwise the first folder of its path. Hidden files and
folders (names that begin with a dot) are not read; they are counted as `hidden`.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from seedream_core.data.sources import Item, Items, Listing, Lost, Raw, Source, raw_captions
from seedream_core.data.storage.shards import MEMBER_BYTES
from seedream_core.errors import DataError, UserError
from seedream_core.records import JSON_BYTES, load_json

PICTURES = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
SIDECARS = (".txt", ".json")


@dataclass(frozen=True, kw_only=True)
class Folder(Source):
    def listing(self) -> Listing:
        listing, pictures, beside, others = Listing(), [], {}, {}
        for name in walk(self.folder, listing):
            stem, extension = os.path.splitext(name)
            if extension.lower() in PICTURES:
                pictures.append(name)
            elif extension.lower() in SIDECARS:
                beside[stem] = (*beside.get(stem, ()), sys.intern(extension))
            else:
                listing.ignored[extension or "no extension"] += 1
                others[stem] = extension
        linked = dict.fromkeys(name for name in pictures if os.path.islink(self.folder / name))
        listing.lost += [Lost(shown(name), shown(name), "a symbolic link is not followed") for name in linked]
        alone = beside.keys() - {os.path.splitext(name)[0] for name in pictures}
        for name, other in sorted((stem + extension, others.get(stem)) for stem in alone for extension in beside[stem]):
            listing.lost.append(
                Lost(shown(name), shown(name), f"no picture beside it{f': {other} is not read' if other else ''}")
            )
        if linked:
            pictures = [name for name in pictures if name not in linked]

        def item(index: int) -> Item:
            name = pictures[index]
            stem = os.path.splitext(name)[0]
            files = (name, *(stem + extension for extension in beside.get(stem, ())))
            return Item(shown(name), shown(name), tuple((file, *self._stamp(file)) for file in files))

        listing.items = Items(item, range(len(pictures)))
        return listing

    def read(self, item: Item) -> Raw:
        picture, *sidecars = (Path(self.path) / name for name, *_ in item.at)
        row, captions = {}, {}
        first, *inside = Path(item.name).parts
        for sidecar in sidecars:
            if sidecar.is_symlink():
                raise DataError(f"a symbolic link is not followed: {sidecar.name}")
            data = read_file(sidecar, JSON_BYTES)
            if sidecar.suffix.lower() == ".txt":
                captions = raw_captions.merge(captions, raw_captions.bare(raw_captions.text(data)))
                continue
            row = load_json(data)
            if not isinstance(row, dict):
                raise DataError(f"the json holds no mapping: {sidecar.name}")
            captions = raw_captions.merge(captions, raw_captions.captions(row))
        return Raw(
            read_file(picture, MEMBER_BYTES),
            captions,
            row if raw_captions.origin(row) or not inside else row | {"source": first},
        )

    def _stamp(self, name: str) -> tuple[int, int]:
        try:
            stat = os.lstat(os.path.join(self.path, name))
        except OSError:  # deleted since it was listed: reading it will report that
            return 0, 0
        return stat.st_size, stat.st_mtime_ns


def walk(folder: Path, listing: Listing) -> list[str]:
    """Paths of all files under the folder, relative to it, sorted. Linked folders are listed as lost; hidden names are
    counted and skipped.
    """

    def stop(error: OSError) -> None:
        raise UserError(
            f"{error.filename} cannot be read: {error.strerror}", "make it readable, or move it to another folder"
        )

    names = []
    for root, folders, files in os.walk(folder, onerror=stop):
        hidden = [name for name in (*folders, *files) if name.startswith(".")]
        if hidden:
            listing.ignored["hidden"] += len(hidden)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in folders:
            if os.path.islink(path := os.path.join(root, name)):
                place = shown(os.path.relpath(path, folder))
                listing.lost.append(Lost(place, place, "a linked folder is not followed"))
        names += [os.path.relpath(os.path.join(root, name), folder) for name in files if not name.startswith(".")]
    listing.lost.sort(key=lambda lost: lost.name)
    return sorted(names)


def read_file(path: Path, max_bytes: int, name: str = "") -> bytes:
    """Content of a regular file of at most `max_bytes` bytes; otherwise DataError, with the file called `name`."""
    name = shown(name[:200] or path.name)
    try:
        if not path.is_file():
            raise DataError(f"{'no regular file' if os.path.lexists(path) else 'not there'}: {name}")
        if (size := path.stat().st_size) > max_bytes:
            raise DataError(f"too large: {name} of {size} bytes, over {max_bytes}")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {name} ({error.strerror})") from None


def shown(name: str) -> str:
    """A file name as text, even if its bytes are not valid UTF-8."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
