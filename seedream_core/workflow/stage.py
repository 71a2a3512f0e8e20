"""Base class of stages: a config that declares the kinds of its inputs and of its result, and a `run` method. Stages
are found by their path under `stages/`.
"""

import ast
import functools
import importlib
import importlib.util
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from seedream_core.errors import ConfigError, Problem
from seedream_core.workflow.config import Config, camel, nearest
from seedream_core.workflow.host import Host

ROOT = "seedream_core.stages"


@dataclass(frozen=True)
class Kind:
    """The kind of an artifact's content; `trainable` refuses generators whose weights are packed integers.

    The kind `folder` is a folder outside the artifacts; its digest is that of a listing of names, sizes and times.
    """

    name: str
    trainable: bool = False

    def __str__(self) -> str:
        return self.name


Shards = Annotated[Path, Kind("shards")]
Latents = Annotated[Path, Kind("latents")]
Autoencoder = Annotated[Path, Kind("autoencoder")]
TextEncoder = Annotated[Path, Kind("text_encoder")]
Generator = Annotated[Path, Kind("generator")]
Trainable = Annotated[Path, Kind("generator", trainable=True)]
DualEncoder = Annotated[Path, Kind("dual_encoder")]
Detector = Annotated[Path, Kind("detector")]
Images = Annotated[Path, Kind("images")]
Scores = Annotated[Path, Kind("scores")]
Heads = Annotated[Path, Kind("heads")]
Report = Annotated[Path, Kind("report")]
Folder = Annotated[Path, Kind("folder")]


@dataclass(frozen=True, kw_only=True)
class Stage(Config):
    """Base of every stage. Its inputs are the fields of an artifact kind; all other fields are options."""

    makes: ClassVar[str]
    version: ClassVar[int] = 1
    """To be increased when the same options or defaults come to give another result: artifacts made before are then
    stale.
    """
    distributed: ClassVar[bool] = False
    """Whether every process of a host takes part; else only rank 0 runs."""

    @classmethod
    def path(cls) -> str:
        """`pretrain/mmdit`, from the file the class stands in."""
        return "/".join(cls.__module__.split(".")[-2:])

    @classmethod
    def product(cls, options: Mapping[str, Any]) -> str:
        """The kind that a config with these options makes: `makes`, unless the stage lets an option decide."""
        return cls.makes

    def facts(self, inputs: Mapping[str, Any]) -> dict:
        """Facts of the result that are known before it exists, from the facts of this stage's inputs.

        `inputs[field]` is a dict of facts; a list of them for a tuple field, a dict of them for a dict field,
        None for an optional input that is not given. Raise ValueError or UserError where inputs do not fit.
        """
        return {}

    def expected_seconds(self, inputs: Mapping[str, Any], host: Host) -> float | None:
        """Seconds that `run` takes on one device of this machine, from a few timed calls; None where a stage cannot
        tell before its inputs exist. `inputs` as in `facts`.
        """
        return None

    def run(self, out: Path, host: Host) -> dict | None:
        """Make the artifact, writing only under `out`, and return metrics for its manifest.

        A `facts` entry in the result replaces what `facts` could only estimate (such as the number of samples kept).
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Input:
    """One input field: its kind, and the shape of its value (`one`, `list` or `map`)."""

    kind: Kind
    shape: str
    optional: bool


@functools.cache
def inputs(cls: type[Stage]) -> Mapping[str, Input]:
    """The input fields of a stage, in order."""
    hints = typing.get_type_hints(cls, include_extras=True)
    found = {name: _input(hint) for name, hint in hints.items() if typing.get_origin(hint) is not ClassVar}
    return types.MappingProxyType({name: item for name, item in found.items() if item})


def folders(stage: Stage) -> dict[str, dict[str | int, Path]]:
    """The input folders of a stage, by field and by position or key inside it."""
    given = {}
    for name, item in inputs(type(stage)).items():
        value = getattr(stage, name)
        if value is None:
            given[name] = {}
        else:
            given[name] = (
                {"": value} if item.shape == "one" else dict(value if item.shape == "map" else enumerate(value))
            )
    return given


def gather(stage: Stage, look: Callable[[Path, Kind], dict]) -> dict[str, Any]:
    """The argument of `stage.facts`: the result of `look` for each input folder, in the shape of its field."""
    facts = {}
    for name, parts in folders(stage).items():
        item = inputs(type(stage))[name]
        known = {key: look(folder, item.kind) for key, folder in parts.items()}
        facts[name] = known.get("") if item.shape == "one" else known if item.shape == "map" else list(known.values())
    return facts


def find(path: str, root: str = ROOT) -> type[Stage]:
    """The stage class at `group/stem`, such as `MmditStage` of pretrain/mmdit; only its file is imported."""
    known = [f"{group}/{stem}" for group in groups(root) for stem in _files(group, root)]
    if path not in known:
        hint = nearest(path, known) or f"; the stages are {', '.join(known)}"
        raise ConfigError([Problem("", None, "", f"no stage {path!r}{hint}")])
    group, stem = path.split("/")
    module, name = importlib.import_module(f"{root}.{group}.{stem}"), camel(stem) + "Stage"
    return getattr(module, name, None) or getattr(module, camel(group) + name)  # data/report and eval/report


def groups(root: str = ROOT) -> tuple[str, ...]:
    """The folders of stages: `data`, `pretrain`, …"""
    return tuple(sorted(folder.name for folder in _folder(root).iterdir() if any(_files(folder.name, root))))


def listing(group: str, root: str = ROOT) -> dict[str, str]:
    """The stages of a group, each with the first paragraph of its docstring. Nothing is imported."""
    return {
        stem: " ".join(
            (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n\n")[0].split()
        )
        for stem, path in _files(group, root).items()
    }


def one_size(data: Mapping[str, Any]) -> dict[str, int]:
    """Width and height, in pixels, of data whose pictures all have one size; ValueError where they do not."""
    if not {"width", "height"} <= data.keys():
        raise ValueError(
            "data: pictures of one size are needed; data/ingest resizes them with its options width and height"
        )
    return {side: data[side] for side in ("width", "height")}


def _input(hint: Any) -> Input | None:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        kind = next((note for note in args[1:] if isinstance(note, Kind)), None)
        return Input(kind, "one", False) if kind else _input(args[0])
    if origin in (typing.Union, types.UnionType):
        inner = next((item for item in map(_input, args) if item), None)
        return Input(inner.kind, inner.shape, types.NoneType in args) if inner else None
    if origin in (tuple, dict):
        inner = next((item for item in map(_input, args) if item), None)
        return Input(inner.kind, "list" if origin is tuple else "map", False) if inner else None
    return None


def _folder(root: str) -> Path:
    return Path(importlib.util.find_spec(root).submodule_search_locations[0])


def _files(group: str, root: str) -> dict[str, Path]:
    return {path.stem: path for path in sorted((_folder(root) / group).glob("*.py")) if not path.stem.startswith("_")}
