"""The state of a step's folder (new, partial, done, stale), decided by its fingerprint.

The fingerprint holds options and the contents of inputs; not the host, the log and checkpoint cadence, or paths.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from seedream_core.errors import ConfigError, UserError
from seedream_core.workflow import artifact, stage
from seedream_core.workflow.config import changed, describe, dump, outside, parse, with_new_keys
from seedream_core.workflow.document import load_yaml

_STARTED = "# started from "
_ABSENT = object()
_UNFINISHED = ("shards", "features", ".journal.json", artifact.SCRATCH)
"""Removed where a stage made nothing: samples, and its notes about unfinished work."""
_EMPTY = (artifact.CONFIG, "fates.jsonl", "logs")
"""Files about a step and its input. A folder with nothing else holds no result, so another config may use it."""
_PREPARED = (artifact.CONFIG, "logs")
"""Files in a folder before its step begins: the config that a recipe wrote, a scheduler's script."""


@dataclass(frozen=True)
class Begun:
    """The start of a step: its stage, the stage's version, and its inputs as in a manifest."""

    stage: str
    version: int
    inputs: dict[str, list[dict]]


@dataclass(frozen=True)
class State:
    """`reasons` say why a folder is stale; each names an option or an input."""

    name: Literal["done", "partial", "new", "stale"]
    reasons: tuple[str, ...] = ()


def state(step: stage.Stage, folder: Path, waiting: Collection[Path] = ()) -> State:
    """The state of the folder for this config; inputs in `waiting` are not made yet and are not compared."""
    if (folder / artifact.MANIFEST).is_file():
        manifest = artifact.read(folder)
        reasons = _stage_change(manifest.stage, step) or [
            *_version_change(manifest.version, step),
            *_edits(with_new_keys(type(step), manifest.options), step),
            *_input_changes(manifest.inputs, step, waiting).values(),
        ]
        return State("stale", tuple(reasons)) if reasons else State("done")
    start = begun(folder)
    if start is None:
        return State("new")
    reasons = _since_start(step, start, folder, waiting)
    if reasons and not made(folder):
        return State("new")
    return State("stale", tuple(reasons)) if reasons else State("partial")


def options(step: stage.Stage) -> dict:
    """The options that count in the fingerprint and differ from their defaults, without inputs."""
    return {name: value for name, value in changed(step).items() if name not in stage.inputs(type(step))}


def sources(step: stage.Stage, folder: Path) -> dict[str, list[dict]]:
    """The inputs as in a manifest: path relative to the folder, digest, and key for a mapping of inputs.

    UserError where a file or folder outside the artifacts does not exist.
    """
    for name, place in outside(step).items():
        if not place.exists():
            raise absent(place, f"{name}: {place}")
    listed = {}
    for name, parts in _places(step).items():
        listed[name] = [
            {"path": os.path.relpath(source, folder), "digest": artifact.digest(source)}
            | ({"key": key} if isinstance(key, str) and key else {})
            for key, source in parts.items()
        ]
    return listed


def absent(place: Path, said: str) -> UserError:
    """The error for a path that cannot be read; `said` is how the user named it."""
    if re.match(r"[a-z][a-z0-9+.-]+:/", str(place)):  # Path makes one slash of two
        return UserError(
            f"{said}: a URL; files are not read over a network", "download the files first, and name their folder"
        )
    if place.is_symlink():
        return UserError(f"{said}: a symbolic link that leads nowhere, or back to itself", "correct the link")
    return UserError(f"{said}: no such file or folder", "correct the path; nothing was started")


def fingerprint(step: stage.Stage, inputs: Mapping[str, list[dict]]) -> str:
    """A hash of everything that decides the result."""
    parts = [step.path(), step.version, options(step), _contents(inputs)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def changes_since(step: stage.Stage, folder: Path, but: Collection[str] = ()) -> list[str]:
    """What changed since a run in the folder began: the stage's version, and inputs other than those in `but`."""
    start = artifact.read(folder) if (folder / artifact.MANIFEST).is_file() else begun(folder)
    return (
        [
            *_version_change(start.version, step),
            *(reason for name, reason in _input_changes(start.inputs, step, ()).items() if name not in but),
        ]
        if start
        else []
    )


def write_config(step: stage.Stage, folder: Path, inputs: Mapping[str, list[dict]] | None = None) -> None:
    """Write `step.yaml`: the whole config and, once the step starts, the digests of its inputs.

    Without `inputs`, the inputs that a started step began with are kept.
    """
    start = begun(folder) if inputs is None else Begun(step.path(), step.version, dict(inputs))
    tree = {"run": step.path()} | dump(step)
    for name, parts in stage.folders(step).items():
        # a path without a slash would be read as the name of a step
        spelt = {key: str(source) if "/" in str(source) else f"./{source}" for key, source in parts.items()}
        shape = stage.inputs(type(step))[name].shape
        tree[name] = spelt.get("") if shape == "one" else spelt if shape == "map" else list(spelt.values())
    header = "" if start is None else f"{_STARTED}{json.dumps(asdict(start))}\n"
    artifact.write_atomic(folder / artifact.CONFIG, header + yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))


def foreign(folder: Path) -> bool:
    """Whether the folder holds files that no step made."""
    known = (folder / artifact.MANIFEST).is_file() or begun(folder) is not None
    return not known and folder.is_dir() and any(_entries_except(_PREPARED, folder))


def remove_products(folder: Path) -> None:
    """Remove the samples that a step had begun to make; other files stay."""
    for path in (folder / name for name in _UNFINISHED):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def made(folder: Path) -> bool:
    """Whether a step wrote any data there, temporary data included."""
    return any(
        path.stat().st_size
        for top in _entries_except(_EMPTY, folder)
        for path in [top, *top.rglob("*")]
        if path.is_file()
    )


def _entries_except(names: Collection[str], folder: Path) -> Iterator[Path]:
    """The other entries of the folder. Of hidden ones only unfinished data counts; the rest is of no value."""
    return (
        path
        for path in folder.iterdir()
        if path.name in _UNFINISHED or (path.name not in names and path.name[0] != ".")
    )


def begun(folder: Path) -> Begun | None:
    """The record of a step's start; None where it has not started."""
    path = folder / artifact.CONFIG
    first = path.read_text(encoding="utf-8").partition("\n")[0] if path.is_file() else ""
    if not first.startswith(_STARTED):
        return None
    try:
        return Begun(**json.loads(first.removeprefix(_STARTED)))
    except (TypeError, ValueError):
        return Begun("another version of seedream", 0, {})


def _since_start(step: stage.Stage, start: Begun, folder: Path, waiting: Collection[Path]) -> list[str]:
    if other := _stage_change(start.stage, step):
        return other
    try:
        tree = load_yaml(folder / artifact.CONFIG).tree
        del tree["run"]
        edits = _edits(options(parse(type(step), with_new_keys(type(step), tree))), step)
    except (ConfigError, TypeError, KeyError) as error:
        edits = [f"its {artifact.CONFIG} no longer fits: {error}"]
    return [*_version_change(start.version, step), *edits, *_input_changes(start.inputs, step, waiting).values()]


def _stage_change(path: str, step: stage.Stage) -> list[str]:
    return [f"run: {path} -> {step.path()}"] if path != step.path() else []


def _version_change(version: int, step: stage.Stage) -> list[str]:
    return [f"version of {step.path()}: {version} -> {step.version}"] if version != step.version else []


def _places(step: stage.Stage) -> dict[str, dict[str | int, Path]]:
    """All paths that a step reads: its inputs, and files or folders that its options name outside the artifacts."""
    return stage.folders(step) | {name: {"": place} for name, place in outside(step).items()}


def _contents(inputs: Mapping[str, list[dict]]) -> dict[str, list[list[str]]]:
    return {name: [[item["digest"], item.get("key", "")] for item in items] for name, items in inputs.items() if items}


def _input_changes(before: Mapping[str, list[dict]], step: stage.Stage, waiting: Collection[Path]) -> dict[str, str]:
    """Field -> how its input changed."""
    old = _contents(before)
    reasons = {}
    for name, parts in _places(step).items():
        if not any(source in waiting for source in parts.values()):
            new = [[artifact.digest(source), key if isinstance(key, str) else ""] for key, source in parts.items()]
            if old.get(name, []) != new:
                places = ", ".join(map(str, parts.values())) or "nothing"
                changed = (
                    "has changed: its contents, or its files' names, sizes or times"
                    if name in old
                    else "was no input before"
                )
                reasons[name] = f"input {name}: {places} {changed}"
    gone = (name for name in old if name not in _places(step))
    return reasons | {
        name: f"input {name}: {before[name][0].get('path', 'a place')} is no longer an input" for name in gone
    }


def _edits(before: dict, step: stage.Stage) -> list[str]:
    edits = _differences(before, options(step))
    if not edits:
        return []
    defaults = {field.name: field.default for field in describe(type(step))}

    def spell(path: str, value: Any) -> str:
        return json.dumps(value, ensure_ascii=False) if value is not _ABSENT else defaults.get(path) or "its default"

    return [f"{path}: {spell(path, old)} -> {spell(path, new)}" for path, old, new in edits]


def _differences(old: Any, new: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*old, *(key for key in new if key not in old)]
        return [
            edit
            for key in keys
            for edit in _differences(old.get(key, _ABSENT), new.get(key, _ABSENT), f"{path}.{key}" if path else key)
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [edit for index, pair in enumerate(zip(old, new)) for edit in _differences(*pair, f"{path}.{index}")]
    return [] if old == new else [(path, old, new)]
