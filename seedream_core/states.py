"""The four states of a step's folder, and the fingerprint that tells done from stale.

Not in the fingerprint: the host, log and checkpoint cadence, and where inputs stand; their contents are.
"""

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from seedream_core import artifact, stage
from seedream_core.config import changed, describe, dump, outside, parse
from seedream_core.document import load_yaml
from seedream_core.errors import ConfigError

_STARTED = "# started from "
_ABSENT = object()
_EMPTY = (artifact.CONFIG, artifact.LOCK)
"""What stands in the folder of a step that stopped before it made anything: it may begin anew with other options and inputs."""


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
            *([f"version of {manifest.stage}: {manifest.version} -> {step.version}"] if manifest.version != step.version else []),
            *_edits(manifest.options, step),
            *_moved(manifest.inputs, step, waiting).values(),
        ]
        return State("stale", tuple(reasons)) if reasons else State("done")
    started = _started(folder)
    if started is None:
        return State("new")
    reasons = [*_since_start(step, folder), *_moved(started, step, waiting).values()]
    if reasons and all(path.name in _EMPTY for path in folder.iterdir()):
        return State("new")
    return State("stale", tuple(reasons)) if reasons else State("partial")


def options(step: stage.Stage) -> dict:
    """The options that count and differ from their defaults; inputs are not among them."""
    return {name: value for name, value in changed(step).items() if name not in stage.inputs(type(step))}


def sources(step: stage.Stage, folder: Path) -> dict[str, list[dict]]:
    """The inputs as manifests keep them: path from the folder, digest, and key for a mapping of inputs."""
    listed = {}
    for name, parts in _places(step).items():
        listed[name] = [
            {"path": os.path.relpath(source, folder), "digest": artifact.digest(source)} | ({"key": key} if isinstance(key, str) and key else {})
            for key, source in parts.items()
        ]
    return listed


def fingerprint(step: stage.Stage, inputs: Mapping[str, list[dict]]) -> str:
    """A hash of all that makes the result what it is."""
    parts = [step.path(), step.version, options(step), _contents(inputs)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def moved_since(step: stage.Stage, folder: Path, but: Collection[str] = ()) -> list[str]:
    """Which of the inputs that a run in the folder began with, apart from those in `but`, are not what they were."""
    return [reason for name, reason in _moved(_started(folder) or {}, step, ()).items() if name not in but]


def write_config(step: stage.Stage, folder: Path, inputs: Mapping[str, list[dict]] | None = None) -> None:
    """Write `step.yaml`: the whole config, and, once the step starts, the digests of what it starts from.

    Without `inputs` a step that has begun stays begun, with those it began with.
    """
    inputs = _started(folder) if inputs is None else inputs
    tree = {"run": step.path()} | dump(step)
    for name, parts in stage.folders(step).items():
        # a path without a slash would read as the name of a step
        spelt = {key: str(source) if "/" in str(source) else f"./{source}" for key, source in parts.items()}
        shape = stage.inputs(type(step))[name].shape
        tree[name] = spelt.get("") if shape == "one" else spelt if shape == "map" else list(spelt.values())
    header = "" if inputs is None else f"{_STARTED}{json.dumps(_contents(inputs))}\n"
    artifact.write_atomic(folder / artifact.CONFIG, header + yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))


def _started(folder: Path) -> dict[str, list[dict]] | None:
    """The inputs that a step began with; None where it has not begun, config or no config."""
    path = folder / artifact.CONFIG
    first = path.read_text(encoding="utf-8").partition("\n")[0] if path.is_file() else ""
    if not first.startswith(_STARTED):
        return None
    contents = json.loads(first.removeprefix(_STARTED))
    return {name: [{"digest": digest, "key": key} for digest, key in items] for name, items in contents.items()}


def _since_start(step: stage.Stage, folder: Path) -> list[str]:
    try:
        tree = load_yaml(folder / artifact.CONFIG).tree
        was = tree.pop("run", "another stage")
        return _was(was, step) or _edits(options(parse(type(step), tree)), step)
    except (ConfigError, AttributeError) as error:
        return [f"its {artifact.CONFIG} no longer fits: {error}"]


def _was(path: str, step: stage.Stage) -> list[str]:
    return [f"run: {path} -> {step.path()}"] if path != step.path() else []


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
                reasons[name] = f"input {name}: the contents of {places} are not those it was made from"
    return reasons


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
        return [edit for key in keys for edit in _differences(old.get(key, _ABSENT), new.get(key, _ABSENT), f"{path}.{key}" if path else key)]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [edit for index, pair in enumerate(zip(old, new)) for edit in _differences(*pair, f"{path}.{index}")]
    return [] if old == new else [(path, old, new)]
