"""A safe YAML reader: YAML 1.2 scalars with line numbers; refuses tags, duplicate keys and alias bombs."""

import copy
import dataclasses
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from seedream_core.errors import ConfigError, Problem

MAX_VALUES = 100_000
MAX_DEPTH = 60

_CONSTANTS = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclasses.dataclass(frozen=True)
class Document:
    """Plain values, and the line (or the `--set`) that each path in them comes from."""

    tree: Any
    lines: dict[tuple, int]
    file: str
    sets: dict[tuple, str] = dataclasses.field(default_factory=dict)

    def problem(self, path: tuple, message: str) -> Problem:
        """A problem with the value at `path`, with its line or the line of the nearest value around it."""
        key = ".".join(map(str, path))
        for end in range(len(path), -1, -1):
            if path[:end] in self.sets:
                return Problem(f"--set {self.sets[path[:end]]}", None, key, message)
            if path[:end] in self.lines:
                return Problem(self.file, self.lines[path[:end]], key, message)
        return Problem(self.file, None, key, message)

    def at(self, key: str) -> "Document":
        """The part below a top key, with paths relative to it."""
        lines = {path[1:]: line for path, line in self.lines.items() if path[:1] == (key,)}
        return Document(
            self.tree[key], lines, self.file, {path[1:]: text for path, text in self.sets.items() if path[:1] == (key,)}
        )

    def override(self, assignments: Iterable[str]) -> "Document":
        """A copy with `key.path=value` assignments applied; a path below a plain name turns it into `{name: …}`."""
        tree, sets, problems = copy.deepcopy(self.tree), dict(self.sets), []
        for assignment in assignments:
            path, equals, text = assignment.partition("=")
            parts, origin = tuple(path.strip().split(".")), f"--set {assignment}"
            if not equals or not all(parts):
                problems.append(Problem(origin, None, "", "expected key.path=value"))
                continue
            value, wrong = read_text(text, origin)
            problems += wrong
            try:
                place = _assign(tree, parts, value.tree)
            except LookupError as error:
                problems.append(Problem(origin, None, path, str(error.args[0])))
                continue
            sets = {known: text for known, text in sets.items() if known[: len(place)] != place} | {place: assignment}
        if problems:
            raise ConfigError(problems)
        return Document(tree, self.lines, self.file, sets)


def load_yaml(path: Path | str) -> Document:
    """The document in a file, or a ConfigError with every problem of its YAML."""
    document, problems = read_yaml(path)
    if problems:
        raise ConfigError(problems)
    return document


def read_yaml(path: Path | str) -> tuple[Document, list[Problem]]:
    """The document in a file, as far as it can be read, and its problems."""
    file = str(path)
    nothing = Document(None, {}, file)
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return nothing, [Problem(file, None, "", "no such file")]
    except OSError as error:
        return nothing, [Problem(file, None, "", f"cannot be read: {error.strerror}")]
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return nothing, [
            Problem(file, line, "", f"not UTF-8 (byte {error.object[error.start]:#04x}); save it as UTF-8")
        ]
    document, problems = read_text(text, file)
    if document.tree is None and not problems:
        problems = [Problem(file, 1, "", "the file is empty")]
    return document, problems


def read_text(text: str, file: str) -> tuple[Document, list[Problem]]:
    """The document in a text, and its problems; `file` names it in them."""
    builder = _Builder(file)
    try:
        node = _Loader(text).get_single_node()
        tree = builder.build(node, ()) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        why = " ".join(part for part in (error.context, error.problem) if part)
        return Document(None, {}, file), [Problem(file, mark.line + 1 if mark else None, "", f"not YAML: {why}")]
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        return Document(None, {}, file), [
            Problem(file, line, "", f"not YAML: character {error.character:#04x} is not allowed")
        ]
    except RecursionError:
        return Document(None, {}, file), [Problem(file, None, "", f"nested more than {MAX_DEPTH} deep")]
    except _Bomb as bomb:
        return Document(None, {}, file), [*builder.problems, Problem(file, bomb.line, "", str(bomb))]
    return Document(tree, builder.lines, file), builder.problems


class _Loader(yaml.SafeLoader):
    def resolve(self, kind: type, value: Any, implicit: Any) -> str:
        """Give our marks in place of YAML's tags, so that a tag written in the file can be recognised."""
        return ("plain" if implicit[0] else "quoted") if kind is yaml.ScalarNode else "collection"


class _Bomb(Exception):
    def __init__(self, message: str, line: int):
        super().__init__(message)
        self.line = line


class _Builder:
    """Turns nodes into plain values and records the line of each path."""

    def __init__(self, file: str):
        self.file, self.lines, self.problems = file, {}, []
        self.count, self.open = 0, set()

    def build(self, node: yaml.Node, path: tuple) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        self.count += 1
        if self.count > MAX_VALUES:
            raise _Bomb(f"aliases expand to more than {MAX_VALUES} values", line)
        if id(node) in self.open:
            raise _Bomb("an anchor that contains itself", line)
        if len(path) > MAX_DEPTH:
            raise _Bomb(f"nested more than {MAX_DEPTH} deep", line)
        if node.tag not in ("plain", "quoted", "collection"):
            self._problem(node, path, f"tag {node.tag!r}; recipes take plain values only")
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        self.open.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            value = [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        else:
            value = self._mapping(node, path)
        self.open.discard(id(node))
        return value

    def _mapping(self, node: yaml.MappingNode, path: tuple) -> dict:
        pairs, merged, written = {}, {}, {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem(key_node, path, "a key must be plain text")
            elif key in written:
                self._problem(key_node, (*path, key), f"duplicate key {key!r}, first on line {written[key]}")
            elif key == "<<" and key_node.tag == "plain":
                written[key] = key_node.start_mark.line + 1
                for source in value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]:
                    if isinstance(source, yaml.MappingNode):
                        merged = self._merged(source, path) | merged if merged else self._merged(source, path)
                    else:
                        self._problem(key_node, path, "<< merges mappings only")
            else:
                written[key] = key_node.start_mark.line + 1
                for known in [known for known in self.lines if known[: len(path) + 1] == (*path, key)]:
                    del self.lines[known]
                self.lines[*path, key] = written[key]
                pairs[key] = self.build(value_node, (*path, key))
        return {key: value for key, value in merged.items() if key not in pairs} | pairs

    def _merged(self, node: yaml.MappingNode, path: tuple) -> dict:
        kept = dict(self.lines)
        value = self.build(node, path)
        # paths that were read earlier (the mapping's own keys, an earlier source) keep their lines
        self.lines |= kept
        return value

    def _scalar(self, node: yaml.ScalarNode, path: tuple) -> Any:
        text = node.value
        if node.tag == "quoted":
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INTEGER.fullmatch(text) and len(text) < 400:
            return int(text)
        if _NOT_FINITE.fullmatch(text) or (_FLOAT.fullmatch(text) and not math.isfinite(float(text))):
            self._problem(node, path, f"{text} is not a finite number")
            return None
        return float(text) if _FLOAT.fullmatch(text) else text

    def _problem(self, node: yaml.Node, path: tuple, message: str) -> None:
        problem = Problem(self.file, node.start_mark.line + 1, ".".join(map(str, path)), message)
        # an alias repeats its anchor's problems
        if not any((known.line, known.message) == (problem.line, message) for known in self.problems):
            self.problems.append(problem)


def _assign(tree: Any, parts: tuple[str, ...], value: Any) -> tuple:
    """Set the value at a dotted path and return that path, with list positions as numbers."""
    place, here = (), tree
    for depth, part in enumerate(parts):
        last = depth == len(parts) - 1
        if isinstance(here, list):
            if not part.isdecimal() or int(part) >= len(here):
                raise LookupError(
                    f"{'.'.join(parts[:depth])} is a list of {len(here)}, so {part!r} is not a position in it"
                )
            key: Any = int(part)
        elif isinstance(here, dict):
            key = part
        else:
            raise LookupError(f"{'.'.join(parts[:depth]) or 'the top'} has no keys inside")
        place = (*place, key)
        if last:
            here[key] = value
        else:
            inner = here[key] if isinstance(here, list) else here.get(key)
            here[key] = {} if inner is None else {"name": inner} if isinstance(inner, str) else inner
            here = here[key]
    return place
