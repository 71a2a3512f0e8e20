"""Configs as frozen dataclasses, validated by pydantic; a technique is found by its file name."""

import ast
import dataclasses
import difflib
import functools
import importlib
import inspect
import itertools
import json
import re
import sys
import textwrap
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import annotated_types
import pydantic
from pydantic_core import PydanticCustomError, core_schema

from seedream_core.errors import ConfigError, Problem, UserError
from seedream_core.workflow.document import Document, load_yaml

__all__ = [
    "Component",
    "Config",
    "ConfigError",
    "Document",
    "Field",
    "changed",
    "describe",
    "dump",
    "load_yaml",
    "nearest",
    "outside",
    "outside_unless",
    "parse",
    "with_new_keys",
]

OUTSIDE = {"outside": True}
"""Metadata of a field that names a file or folder outside the artifacts; its contents count in the fingerprint."""


def outside_unless(option: str) -> dict[str, Any]:
    """Metadata of a field that is OUTSIDE only while `option` is not given; with it, the contents do not count."""
    return OUTSIDE | {"unless": option}


class Config:
    """Base of every `@dataclass(frozen=True, kw_only=True)` config. Strict: no unknown keys, no coercion, no NaN."""

    renamed: ClassVar[Mapping[str, str]] = {}
    """Old key -> new key. An error about an old key names the new one; artifacts made with old keys are still compared.
    """
    __pydantic_config__ = pydantic.ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Component(Config):
    """Base of families. A family is a direct subclass in a package's `__init__`; each member is one file beside it.

    A member's class is its file's stem in CamelCase and the family's `suffix`: `blurred.py` holds `BlurredFilter`.
    """

    suffix: ClassVar[str] = ""
    default: ClassVar[str | None] = None
    """The member that a mapping without a `name` means, in families that were a single config before."""

    @classmethod
    def name(cls) -> str:
        """A member's name in YAML: the stem of its file."""
        return cls.__module__.rpartition(".")[2]

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The members of this family: stems of the files that hold a class of their own name."""
        folder = Path(sys.modules[cls.__module__].__file__).parent
        return tuple(
            sorted(
                path.stem
                for path in folder.glob("*.py")
                if re.search(
                    rf"^class {camel(path.stem)}{cls.suffix}\(", path.read_text(encoding="utf-8"), re.MULTILINE
                )
            )
        )

    @classmethod
    def find(cls, name: str) -> type:
        """Import the file `name` of this family, and no other, and give its class."""
        if name not in cls.names():
            folder, known = cls.__module__.replace(".", "/"), ", ".join(cls.names())
            message = f"no {cls.__name__} {name!r}{nearest(name, cls.names())} ({folder}/ has {known})"
            raise ConfigError([Problem("", None, "", message)])
        return getattr(importlib.import_module(f"{cls.__module__}.{name}"), camel(name) + cls.suffix)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: pydantic.GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        if Component not in cls.__bases__:
            return handler(source)
        return core_schema.no_info_plain_validator_function(cls._resolve)

    @classmethod
    def _resolve(cls, value: Any) -> Any:
        options = {"name": value} if isinstance(value, str) else value
        if isinstance(options, dict) and cls.default:
            options = {"name": cls.default} | options
        if not isinstance(options, dict) or not isinstance(options.get("name"), str):
            raise PydanticCustomError(
                "component", "expected the name of a {family}, or a mapping with a `name`", {"family": cls.__name__}
            )
        try:
            member = cls.find(options["name"])
        except ConfigError as error:
            raise PydanticCustomError("component", "{text}", {"text": error.problems[0].message}) from None
        # pydantic merges the nested errors into the outer ones, with their location
        return _adapter(member).validate_json(
            json.dumps({key: option for key, option in options.items() if key != "name"})
        )


@dataclasses.dataclass(frozen=True)
class Field:
    """One option as `--help` shows it; `default` is None for an option that must be given."""

    name: str
    type: str
    default: str | None
    help: str
    parts: tuple[type, ...] = ()
    """Families and configs of items inside this option; they have options themselves."""


def camel(stem: str) -> str:
    """`logit_normal` -> `LogitNormal`."""
    return "".join(word[:1].upper() + word[1:] for word in stem.split("_"))


def nearest(name: str, choices: Iterable[str]) -> str:
    """`; did you mean 'steps'?` where a similar name exists, else nothing."""
    close = difflib.get_close_matches(name, list(choices), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def parse(cls: type, tree: Any, *, document: Document | None = None, prefix: tuple = ()) -> Any:
    """An instance of `cls` from plain values, or a ConfigError that lists every problem by file, line and key.

    `document` is where the values stand, and `prefix` the path of `tree` inside it.
    """
    document = document or Document(tree, {}, "")
    if not isinstance(tree, dict):
        raise ConfigError([document.problem(prefix, f"expected a mapping of options, got {_show(tree)}")])
    try:
        return _adapter(cls).validate_json(json.dumps(tree))
    except pydantic.ValidationError as error:
        problems = [_explain(cls, tree, detail) for detail in error.errors(include_url=False) if not _echo(detail)]
        raise ConfigError([document.problem((*prefix, *path), message) for path, message in problems]) from None
    except UserError as error:
        raise ConfigError([document.problem(prefix, str(error))]) from None


def with_new_keys(kind: Any, tree: Any) -> Any:
    """Plain values of a config of class `kind`, with every old key replaced by its new one, at any depth."""
    kind = _resolved(kind, tree)
    if isinstance(tree, dict):
        renamed = getattr(kind, "renamed", {})
        new = {renamed.get(key, key): value for key, value in tree.items()}
        return {key: with_new_keys(_child(kind, key), value) for key, value in new.items()}
    listed = isinstance(tree, list)
    return [with_new_keys(_child(kind, index), value) for index, value in enumerate(tree)] if listed else tree


def dump(config: Any, free: bool = True) -> Any:
    """Plain JSON values, such that `parse(type(config), dump(config)) == config`; without `free`, only the
    options that count in the fingerprint.
    """
    if isinstance(config, Config):
        name = {"name": config.name()} if isinstance(config, Component) else {}
        fields = (field for field in dataclasses.fields(config) if free or field.metadata.get("fingerprint", True))
        return name | {field.name: dump(getattr(config, field.name), free) for field in fields}
    if isinstance(config, Mapping):
        return {key: dump(value, free) for key, value in config.items()}
    if isinstance(config, (tuple, list)):
        return [dump(value, free) for value in config]
    return str(config) if isinstance(config, Path) else config


def changed(config: Any) -> Any:
    """The part of a config that decides the result: options that count in the fingerprint and differ from defaults.

    Paths outside the artifacts are left out, because their contents count instead (`outside`).
    """
    if isinstance(config, Config):
        # The name of a family's default member is left out, so that artifacts made before the family existed stay
        # valid.
        named = isinstance(config, Component) and config.name() != config.default
        options = {"name": config.name()} if named else {}
        for field in dataclasses.fields(config):
            value = getattr(config, field.name)
            if (
                field.metadata.get("fingerprint", True)
                and not field.metadata.get("outside")
                and (_required(field) or value != _default(field))
            ):
                options[field.name] = changed(value)
        return options
    if isinstance(config, Mapping):
        return {key: changed(value) for key, value in config.items()}
    if isinstance(config, (tuple, list)):
        return [changed(value) for value in config]
    return str(config) if isinstance(config, Path) else config


def outside(config: Any, prefix: str = "") -> dict[str, Path]:
    """Dotted name -> path of every field marked OUTSIDE that is given, at any depth."""
    if isinstance(config, Config):
        parts = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
        places = {
            field.name
            for field in dataclasses.fields(config)
            if field.metadata.get("outside") and not parts.get(field.metadata.get("unless"))
        }
    else:
        parts = (
            config
            if isinstance(config, Mapping)
            else dict(enumerate(config))
            if isinstance(config, (tuple, list))
            else {}
        )
        places = set()
    found = {}
    for name, value in parts.items():
        found |= (
            ({f"{prefix}{name}": Path(value)} if value else {})
            if name in places
            else outside(value, f"{prefix}{name}.")
        )
    return found


def describe(cls: type, given: Config | None = None) -> list[Field]:
    """The options of a config, nested configs flattened to dotted names, each with the string written under it.

    `given` is an instance whose values are shown as defaults instead of the class's.
    """
    hints, help = typing.get_type_hints(cls, include_extras=True), _docstrings(cls)
    fields = []
    for field in sorted(
        dataclasses.fields(cls), key=lambda field: field.name not in cls.__annotations__
    ):  # a class's fields before inherited ones
        inner = _bare(hints[field.name])
        value = getattr(given, field.name) if given else None if _required(field) else _default(field)
        nested = describe(inner, value) if _is_config(inner) else []
        default = None if _required(field) and not given else "" if nested and value else _spell_value(value)
        fields.append(
            Field(
                field.name,
                _spell(hints[field.name]),
                default,
                help.get(field.name, ""),
                () if nested else _parts(hints[field.name]),
            )
        )
        fields += [dataclasses.replace(item, name=f"{field.name}.{item.name}") for item in nested]
    return fields


@functools.cache
def _adapter(cls: type) -> pydantic.TypeAdapter:
    return pydantic.TypeAdapter(cls)


def _required(field: dataclasses.Field) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _default(field: dataclasses.Field) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _docstrings(cls: type) -> dict[str, str]:
    found = {}
    for base in reversed(cls.__mro__):
        if dataclasses.is_dataclass(base):
            body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0].body
            for field, text in itertools.pairwise(body):
                if (
                    isinstance(field, ast.AnnAssign)
                    and isinstance(text, ast.Expr)
                    and isinstance(text.value, ast.Constant)
                ):
                    found[field.target.id] = inspect.cleandoc(str(text.value.value))
    return found


def _bare(kind: Any) -> Any:
    """The class or container inside `Annotated[...]` and `... | None`."""
    while True:
        if typing.get_origin(kind) is typing.Annotated:
            kind = typing.get_args(kind)[0]
        elif typing.get_origin(kind) in (typing.Union, types.UnionType):
            kind = next(arg for arg in typing.get_args(kind) if arg is not types.NoneType)
        else:
            return kind


def _is_config(kind: Any) -> bool:
    return (
        isinstance(kind, type)
        and issubclass(kind, Config)
        and dataclasses.is_dataclass(kind)
        and not issubclass(kind, Component)
    )


def _spell(kind: Any) -> str:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        signs = {annotated_types.Ge: "≥", annotated_types.Gt: ">", annotated_types.Le: "≤", annotated_types.Lt: "<"}
        limits = [
            f"{signs[type(bound)]} {dataclasses.astuple(bound)[0]}"
            for bound in _bounds(args[1:])
            if type(bound) in signs
        ]
        spelt = [
            str(note)
            for note in args[1:]
            if type(note).__str__ is not object.__str__ and not isinstance(note, annotated_types.BaseMetadata)
        ]
        return " ".join([spelt[0] if spelt else _spell(args[0]), *limits])
    if origin is typing.Literal:
        return "|".join(map(str, args))
    if origin in (typing.Union, types.UnionType):
        return " or ".join("none" if arg is types.NoneType else _spell(arg) for arg in args)
    if origin in (tuple, list):
        return (
            f"list of {_spell(args[0])}"
            if origin is list or args[1:] == (...,)
            else f"[{', '.join(map(_spell, args))}]"
        )
    if origin is dict:
        return f"mapping of {_spell(args[1])}"
    if isinstance(kind, type) and issubclass(kind, Component) and Component in kind.__bases__:
        return "|".join(kind.names())
    return getattr(kind, "__name__", str(kind))


def _parts(kind: Any) -> tuple[type, ...]:
    if isinstance(kind, type) and issubclass(kind, Config):
        return (kind,)
    return tuple(part for arg in typing.get_args(kind) for part in _parts(arg))


def _spell_value(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else json.dumps(dump(value), ensure_ascii=False)


def _bounds(notes: Iterable[Any]) -> Iterable[Any]:
    for note in notes:
        yield from note if isinstance(note, annotated_types.GroupedMetadata) else (note,)


def _echo(detail: Any) -> bool:
    """Whether pydantic calls a list too short only because it did not count an item that has a problem itself."""
    return detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]


def _explain(cls: type, tree: Any, detail: Any) -> tuple[tuple, str]:
    """The path of one pydantic error in the tree, and a plain message for it."""
    path, owner = (), cls
    kind, value = cls, tree
    for part in detail["loc"]:
        inside = (isinstance(value, dict) and part in value) or (
            isinstance(value, list) and isinstance(part, int) and part < len(value)
        )
        if not inside:  # a missing key, or a union's label, which the tree does not have
            continue
        owner = _resolved(kind, value)
        kind, value, path = _child(owner, part), value[part], (*path, part)
    context, got, last = detail.get("ctx", {}), _show(detail["input"]), str(detail["loc"][-1]) if detail["loc"] else ""
    match detail["type"]:
        case "missing" | "missing_keyword_only_argument" | "missing_argument":
            return path, f"missing item {last}" if isinstance(detail["loc"][-1], int) else f"missing key {last!r}"
        case "unexpected_keyword_argument" | "extra_forbidden":
            if new := getattr(owner, "renamed", {}).get(last):
                return path, f"unknown key {last!r}; it is now {new!r}"
            keys = [field.name for field in dataclasses.fields(owner)] if dataclasses.is_dataclass(owner) else []
            known = f"; the keys are {', '.join(keys) or 'none'}"
            return path, f"unknown key {last!r}{nearest(last, keys) or known}"
        case "literal_error":
            choices = [str(choice) for choice in typing.get_args(_bare(kind))]
            return path, f"{got} is not one of {', '.join(choices)}{nearest(str(detail['input']), choices)}"
        case "value_error":
            return path, str(context["error"])
        case "component":
            return path, detail["msg"]
        case type_:
            words = _WORDS.get(type_)
            return path, f"{words.format(**context) if words else detail['msg']}, got {got}"


_WORDS = {
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "int_parsing": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a finite number",
    "bool_type": "expected true or false",
    "string_type": "expected text",
    "path_type": "expected a path",
    "tuple_type": "expected a list",
    "list_type": "expected a list",
    "dict_type": "expected a mapping",
    "dataclass_type": "expected a mapping of options",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "too_short": "expected a list of at least {min_length}",
}


def _resolved(kind: Any, value: Any) -> Any:
    """The class that a value is parsed as; for a family, the member that the value names."""
    kind = _bare(kind)
    if isinstance(kind, type) and issubclass(kind, Component) and Component in kind.__bases__:
        name = value.get("name", kind.default) if isinstance(value, dict) else value
        return kind.find(name) if name in kind.names() else kind
    return kind


def _child(owner: Any, part: str | int) -> Any:
    args = typing.get_args(owner)
    if isinstance(part, int) and args:
        return args[0] if args[1:] in ((), (...,)) else args[min(part, len(args) - 1)]
    if typing.get_origin(owner) is dict:
        return args[1]
    return (
        typing.get_type_hints(owner, include_extras=True).get(str(part), Any)
        if dataclasses.is_dataclass(owner)
        else Any
    )


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
