"""Artifact folders: written under a lock. The manifest artifact.json is written last, by rename, so a folder with a
manifest is complete.
"""

import dataclasses
import hashlib
import importlib.metadata
import json
import math
import os
import re
import struct
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedream_core.errors import DataError, UserError

if TYPE_CHECKING:
    from torch import Tensor

MANIFEST = "artifact.json"
CONFIG = "step.yaml"
LOCK = ".lock"
SCRATCH = ".scratch"
"""Folder of temporary data, removed when the step is finished."""
FORMAT = 1
HEADER_CAP = 16 * 2**20
READ_WHOLE = 64 * 2**20
"""A file outside the artifacts is hashed by its bytes up to this size: word lists, fonts, tables of a million rows."""
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")
_ASIDE = ("checkpoints", "logs", "samples")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The content of `artifact.json`. `digest` depends on the files alone: the same files have the same digest
    anywhere.
    """

    folder: Path
    kind: str
    stage: str
    version: int
    fingerprint: str
    digest: str
    options: dict = field(default_factory=dict)
    inputs: dict[str, list[dict]]
    facts: dict
    metrics: dict
    seconds: float
    "what the step took, all its sessions together"
    expected_seconds: float | None = None
    "what `seedream run` expected before its first step"
    versions: dict[str, str]
    files: dict[str, dict]

    def sources(self, name: str) -> list[Path]:
        """The folders that were given for an input field."""
        return [Path(os.path.normpath(self.folder / source["path"])) for source in self.inputs.get(name, [])]


def read(folder: Path | str, kind: str | None = None) -> Manifest:
    """The manifest of a finished artifact; with `kind`, UserError where the artifact is of another kind."""
    folder, needed = Path(folder), need(kind or "artifact")
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no such folder; {needed}", "name the folder of a finished step, such as runs/quickstart/base"
        )
    path = folder / MANIFEST
    if not path.is_file():
        if (folder / CONFIG).is_file():
            raise UserError(
                f"{folder}: this step is not finished; {needed}", "run its recipe again; it goes on where it stopped"
            )
        raise UserError(f"{folder}: no {MANIFEST} in it; {needed}", "name the folder of a finished step")
    try:
        tree = json.loads(path.read_bytes())
        if tree.pop("format") != FORMAT:
            raise UserError(
                f"{folder}: {MANIFEST} is not of format {FORMAT}", "use the version of seedream that made it"
            )
        manifest = Manifest(folder=folder, **tree)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{path}: damaged ({error})", "make the step again with --redo") from None
    if kind and manifest.kind != kind:
        raise UserError(f"{folder}: this is {article(manifest.kind)} (made by {manifest.stage}), but {needed}")
    return manifest


def finish(
    folder: Path,
    *,
    kind: str,
    stage: str,
    version: int = 1,
    fingerprint: str,
    options: Mapping[str, Any] = {},
    inputs: Mapping[str, list[dict]],
    facts: Mapping[str, Any],
    metrics: Mapping[str, Any],
    seconds: float,
    expected_seconds: float | None = None,
) -> Manifest:
    """Hash the files and write the manifest, which marks the artifact as done. Only rank 0 may call this."""
    files = {name: _describe(folder / name) for name in contents(folder)}
    digest = _hash([kind, [[name, item["sha256"]] for name, item in files.items()]])
    manifest = Manifest(
        folder=folder,
        kind=kind,
        stage=stage,
        version=version,
        fingerprint=fingerprint,
        digest=digest,
        options=dict(options),
        inputs=dict(inputs),
        facts=_plain(facts),
        metrics=_plain(metrics),
        seconds=round(seconds, 3),
        expected_seconds=expected_seconds,
        versions=_versions(),
        files=files,
    )
    tree = {"format": FORMAT} | {
        item.name: getattr(manifest, item.name) for item in dataclasses.fields(manifest) if item.name != "folder"
    }
    write_atomic(folder / MANIFEST, json.dumps(tree, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return manifest


def verify(folder: Path | str) -> list[str]:
    """The differences between a folder and its manifest. Subfolders that are separate artifacts are not compared."""
    manifest = read(folder)
    parts = {name.partition("/")[0] for name in manifest.files}
    nested = {path.parent.name for path in manifest.folder.glob(f"*/{MANIFEST}")} - parts
    present = {name for name in contents(manifest.folder) if name.partition("/")[0] not in nested}
    problems = [f"{name}: missing" for name in manifest.files if name not in present]
    problems += [f"{name}: not in the manifest" for name in sorted(present - set(manifest.files))]
    problems += [
        f"{name}: changed"
        for name, item in manifest.files.items()
        if name in present and _describe(manifest.folder / name) != item
    ]
    return problems


def contents(folder: Path) -> list[str]:
    """The files that count as the artifact's content: all but its config, its manifest, and files for resuming or for
    people (checkpoints, logs, samples).
    """
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    aside = {MANIFEST, CONFIG, *_ASIDE}
    return sorted(
        name.as_posix()
        for name in names
        if name.parts[0] not in aside and not any(part.startswith(".") for part in name.parts)
    )


def digest(folder: Path) -> str:
    """The digest of an artifact; of other places, that of a file's bytes or a folder's listing (names, sizes, times).

    Hidden files do not count. A file larger than READ_WHOLE counts by its listing.
    """
    if (folder / MANIFEST).is_file():
        with suppress(DataError):  # else another program's file of that name
            return read(folder).digest
    if folder.is_file() and folder.stat().st_size <= READ_WHOLE:
        return hashlib.sha256(folder.read_bytes()).hexdigest()
    listed = hashlib.sha256()
    for path in [folder] if folder.is_file() else _files_under(folder):
        with suppress(FileNotFoundError):  # deleted meanwhile
            stat = os.stat(path)
            listed.update(json.dumps([os.path.relpath(path, folder), stat.st_size, stat.st_mtime_ns]).encode())
    return listed.hexdigest()


def _files_under(folder: Path) -> Iterator[str]:
    """Every file that is not hidden, in sorted order; a generator, because a crawl may have millions of files."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        shown = (os.path.join(root, name) for name in sorted(files) if not name.startswith("."))
        yield from filter(os.path.isfile, shown)


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a file atomically: after a crash it is either complete or as it was before."""
    temporary = _temporary(path)
    try:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)
        _settle(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def save_tensors(path: Path, tensors: Mapping[str, "Tensor"], metadata: Mapping[str, str] = {}) -> None:
    """Write a safetensors file, atomically."""
    from safetensors.torch import save_file

    temporary = _temporary(path)
    try:
        save_file(
            {name: tensor.detach().contiguous() for name, tensor in tensors.items()}, temporary, dict(metadata) or None
        )
        _settle(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load_tensors(path: Path, device: str = "cpu") -> dict[str, "Tensor"]:
    """Read a safetensors file; DataError where it is damaged or holds NaN or infinity."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        with open(path, "rb") as file:
            size = struct.unpack("<Q", file.read(8))[0]
        if size > min(HEADER_CAP, os.path.getsize(path)):
            raise DataError(f"{path}: not a safetensors file (a header of {size} bytes)")
        tensors = load_file(path, device)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (SafetensorError, struct.error) as error:
        raise DataError(f"{path}: not a complete safetensors file ({error})") from None
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise DataError(f"{path}: {name} holds NaN or infinity")
    return tensors


def _temporary(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}.tmp"


def sweep(folder: Path, seconds: float = 0) -> None:
    """Remove temporary files that a killed run left; files younger than `seconds` stay, because another process may be
    writing them.
    """
    for path in folder.rglob(".*.tmp"):
        with suppress(FileNotFoundError):  # its writer has renamed it meanwhile
            if _TEMPORARY.fullmatch(path.name) and path.is_file() and time.time() - path.stat().st_mtime >= seconds:
                path.unlink()


def _settle(temporary: Path, path: Path) -> None:
    with open(temporary, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _describe(path: Path) -> dict:
    with open(path, "rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "bytes": path.stat().st_size}


def _hash(tree: Any) -> str:
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()


def need(kind: str) -> str:
    """`a generator is needed`, `latents are needed`."""
    return f"{article(kind)} {'are' if kind.endswith('s') else 'is'} needed"


def _plain(value: Any) -> Any:
    """Plain JSON values; NaN becomes null, so that a NaN among the metrics never costs a run its manifest."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, Path):
        return str(value)
    number = float(value)
    return number if math.isfinite(number) else None


def article(kind: str) -> str:
    """`a generator`, `an autoencoder`, `latents`."""
    words = kind.replace("_", " ")
    return words if words.endswith("s") else f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _versions() -> dict[str, str]:
    versions = {"python": sys.version.split()[0]}
    for package in ("seedream", "torch", "lightning", "transformers"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:  # run from a checkout that was not installed
            continue
    return versions
