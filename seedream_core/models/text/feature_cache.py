"""Text features on disk: a folder of safetensors files, from the caption's hash to its features.

A file gets its name when it is complete, and no two processes write the same one, so several ranks share the folder.
Features that a kill lost are computed again, to the same bits.
"""

import hashlib
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from seedream_core.workflow.artifact import save_tensors, sweep

FILE_CAPTIONS = 4096
FILE_BYTES = 64 * 2**20
FILE_SECONDS = 60.0
"""A file is written at this many captions or bytes, or this many seconds after the last one."""
STALE_SECONDS = 3600.0
"""A temporary file older than this was left by a kill; a younger one may belong to another rank."""


class FeatureCache:
    """Features (tokens x width, bf16) of one encoder's captions; the folder stops growing at `gigabytes`."""

    def __init__(self, folder: Path, encoder_digest: str, gigabytes: float = 16.0) -> None:
        """`encoder_digest` is the digest of the text encoder; each encoder has a separate folder."""
        self.folder = folder / encoder_digest[:16]
        self.limit = int(gigabytes * 2**30)
        self.places: dict[str, Path] = {}
        self.waiting: dict[str, Tensor] = {}
        self.waiting_bytes = 0
        self._flushed = time.monotonic()
        self._seen: set[Path] = set()
        sweep(self.folder, STALE_SECONDS)
        self._look()

    def read(self, caption: str) -> Tensor | None:
        """The stored features of a caption, from this process or another; None where there are none."""
        key = _key(caption)
        if key in self.waiting:
            return self.waiting[key]
        if key not in self.places:
            return None
        try:
            with safe_open(self.places[key], "pt") as file:  # mapped, so only this caption's bytes are read
                return file.get_tensor(key)
        except (OSError, SafetensorError):  # deleted or damaged meanwhile: compute it again
            del self.places[key]
            return None

    def add(self, rows: Mapping[str, Tensor]) -> None:
        """Store features; they are written to disk when they fill a file."""
        for caption, row in rows.items():
            key = _key(caption)
            if key not in self.places and key not in self.waiting:
                self.waiting[key] = row
                self.waiting_bytes += row.nbytes
        due = time.monotonic() - self._flushed >= FILE_SECONDS
        if due or len(self.waiting) >= FILE_CAPTIONS or self.waiting_bytes >= FILE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write waiting features, unless the folder is full, and look for files of other ranks."""
        self._look()
        fresh = {key: row for key, row in self.waiting.items() if key not in self.places}
        if fresh and sum(path.stat().st_size for path in self._seen) + self.waiting_bytes <= self.limit:
            path = self.folder / f"{uuid.uuid4().hex}.safetensors"
            save_tensors(path, fresh)
            self._seen.add(path)
            self.places |= dict.fromkeys(fresh, path)
        self.waiting.clear()
        self.waiting_bytes, self._flushed = 0, time.monotonic()

    def _look(self) -> None:
        for path in sorted(self.folder.glob("*.safetensors")):
            if path not in self._seen:
                try:
                    with safe_open(path, "pt") as file:
                        self.places |= dict.fromkeys(file.keys(), path)
                except (OSError, SafetensorError):  # damaged: its captions are computed again
                    path.unlink(missing_ok=True)
                else:
                    self._seen.add(path)


def _key(caption: str) -> str:
    return hashlib.blake2b(caption.encode(), digest_size=16).hexdigest()
