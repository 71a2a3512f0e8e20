"""The state of a step's folder (new, partial, done, stale), decided by its fingerprint.

Not in the fingerprint: the host, log and checkpoint cadence, and where inputs stand; their contents are.
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
"""What is taken away where a stage comes to nothing: samples, and what it noted on the way to them."""
_EMPTY = (artifact.CONFIG, "fates.jsonl", "logs")
"""What a step says of itself and of its input. Where nothing else stands in its folder it made nothing, and may begin
anew with other options and inputs."""
_PREPARED = (artifact.CONFIG, "logs")
"""What stands in a folder before its step begins: the config that a recipe wrote, a scheduler's script."""


@dataclass(frozen=True)
class Begun:
    """What a step began with: its stage, that one's version, and inputs as manifests keep them."""

    stage: str
    version: int
    inputs: dict[str, list[dict]]


@dataclass(frozen=True)
class State:
    """`reasons` say what makes a folder stale: each names an option or an input."""

    name: Literal["done", "partial", "new", "stale"]
    reasons: tuple[str, ...] = ()


def state(step: stage.Stage, folder: Path, waiting: Collection[Path] = ()) -> State:
    """The state of the folder for this config; inputs in `waiting` are yet to be made and not compared."""
    if (folder / artifact.MANIFEST).is_file():
        manifest = artifact.read(folder)
        reasons = _was(manifest.stage, step) or [
            *_grown(manifest.version, step),
            *_edits(with_new_keys(type(step), manifest.options), step),
            *_moved(manifest.inputs, step, waiting).values(),
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
    """The options that count and differ from their defaults; inputs are not among them."""
    return {name: value for name, value in changed(step).items() if name not in stage.inputs(type(step))}


def sources(step: stage.Stage, folder: Path) -> dict[str, list[dict]]:
    """The inputs as manifests keep them: path from the folder, digest, and key for a mapping of inputs.

    UserError for a place outside the artifacts that is not there.
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
    """Why there is nothing to read at a place; `said` is how it was named."""
    if re.match(r"[a-z][a-z0-9+.-]+:/", str(place)):  # Path makes one slash of two
        return UserError(
            f"{said}: a URL; nothing is read over a network", "download the files first, and name their folder"
        )
    if place.is_symlink():
        return UserError(f"{said}: a symbolic link that leads nowhere, or back to itself", "correct the link")
    return UserError(f"{said}: no such file or folder", "correct the path; nothing was begun")


def fingerprint(step: stage.Stage, inputs: Mapping[str, list[dict]]) -> str:
    """A hash of all that makes the result what it is."""
    parts = [step.path(), step.version, options(step), _contents(inputs)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def moved_since(step: stage.Stage, folder: Path, but: Collection[str] = ()) -> list[str]:
    """What is not as a run in the folder was made or began: the stage's version, and inputs apart from those in
    `but`.
    """
    start = artifact.read(folder) if (folder / artifact.MANIFEST).is_file() else begun(folder)
    return (
        [
            *_grown(start.version, step),
            *(reason for name, reason in _moved(start.inputs, step, ()).items() if name not in but),
        ]
        if start
        else []
    )


def write_config(step: stage.Stage, folder: Path, inputs: Mapping[str, list[dict]] | None = None) -> None:
    """Write `step.yaml`: the whole config, and, once the step starts, the digests of what it starts from.

    Without `inputs` a step that has begun stays begun, with those it began with.
    """
    start = begun(folder) if inputs is None else Begun(step.path(), step.version, dict(inputs))
    tree = {"run": step.path()} | dump(step)
    for name, parts in stage.folders(step).items():
        # a path without a slash would read as the name of a step
        spelt = {key: str(source) if "/" in str(source) else f"./{source}" for key, source in parts.items()}
        shape = stage.inputs(type(step))[name].shape
        tree[name] = spelt.get("") if shape == "one" else spelt if shape == "map" else list(spelt.values())
    header = "" if start is None else f"{_STARTED}{json.dumps(asdict(start))}\n"
    artifact.write_atomic(folder / artifact.CONFIG, header + yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))


def stranger(folder: Path) -> bool:
    """Whether the folder holds what no step has begun: it is somebody's own."""
    known = (folder / artifact.MANIFEST).is_file() or begun(folder) is not None
    return not known and folder.is_dir() and any(_besides(_PREPARED, folder))


def come_to_nothing(folder: Path) -> None:
    """Take away the samples that a step began to make; what else lies there is not its own."""
    for path in (folder / name for name in _UNFINISHED):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def made(folder: Path) -> bool:
    """Whether a step made anything there, and be it for its own use."""
    return any(
        path.stat().st_size for top in _besides(_EMPTY, folder) for path in [top, *top.rglob("*")] if path.is_file()
    )


def _besides(names: Collection[str], folder: Path) -> Iterator[Path]:
    """What else stands there; of hidden things only the unfinished: others are the system's, or worth nothing by
    themselves.
    """
    return (
        path
        for path in folder.iterdir()
        if path.name in _UNFINISHED or (path.name not in names and path.name[0] != ".")
    )


def begun(folder: Path) -> Begun | None:
    """What a step began with; None where it has not begun, config or no config."""
    path = folder / artifact.CONFIG
    first = path.read_text(encoding="utf-8").partition("\n")[0] if path.is_file() else ""
    if not first.startswith(_STARTED):
        return None
    try:
        return Begun(**json.loads(first.removeprefix(_STARTED)))
    except (TypeError, ValueError):
        return Begun("another version of seedream", 0, {})


def _since_start(step: stage.Stage, start: Begun, folder: Path, waiting: Collection[Path]) -> list[str]:
    if other := _was(start.stage, step):
        return other
    try:
        tree = load_yaml(folder / artifact.CONFIG).tree
        del tree["run"]
        edits = _edits(options(parse(type(step), with_new_keys(type(step), tree))), step)
    except (ConfigError, TypeError, KeyError) as error:
        edits = [f"its {artifact.CONFIG} no longer fits: {error}"]
    return [*_grown(start.version, step), *edits, *_moved(start.inputs, step, waiting).values()]


def _was(path: str, step: stage.Stage) -> list[str]:
    return [f"run: {path} -> {step.path()}"] if path != step.path() else []


def _grown(version: int, step: stage.Stage) -> list[str]:
    return [f"version of {step.path()}: {version} -> {step.version}"] if version != step.version else []


def _places(step: stage.Stage) -> dict[str, dict[str | int, Path]]:
    """All that a step reads: its inputs, and what its options name outside the artifacts."""
    return stage.folders(step) | {name: {"": place} for name, place in outside(step).items()}


def _contents(inputs: Mapping[str, list[dict]]) -> dict[str, list[list[str]]]:
    return {name: [[item["digest"], item.get("key", "")] for item in items] for name, items in inputs.items() if items}


def _moved(before: Mapping[str, list[dict]], step: stage.Stage, waiting: Collection[Path]) -> dict[str, str]:
    """Field -> what is to be said of it."""
    old = _contents(before)
    reasons = {}
    for name, parts in _places(step).items():
        if not any(source in waiting for source in parts.values()):
            new = [[artifact.digest(source), key if isinstance(key, str) else ""] for key, source in parts.items()]
            if old.get(name, []) != new:
                places = ", ".join(map(str, parts.values())) or "nothing"
                changed = (
                    "is not as it was, in its contents or in its files' names, sizes or times"
                    if name in old
                    else "did not count before"
                )
                reasons[name] = f"input {name}: {places} {changed}"
    gone = (name for name in old if name not in _places(step))
    return reasons | {name: f"input {name}: {before[name][0].get('path', 'a place')} counts no more" for name in gone}


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
