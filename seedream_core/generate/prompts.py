"""Reads prompts from .txt, .jsonl, .csv or standard input; reports all bad lines at once with their numbers."""

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from seedream_core.errors import ConfigError, Problem, UserError

Convert = Callable[[str, Any], Any]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One prompt of a file; what it leaves out comes from the command line."""

    prompt: str
    seed: int | None = None
    size: tuple[int, int] | None = None
    steps: int | None = None
    guidance: float | None = None
    extra: Mapping[str, Any] | None = None
    """Values of keys that only the reader of this file knows."""


FIELDS = tuple(field.name for field in fields(Line))


def read(source: str, keys: Mapping[str, Convert] | None = None) -> list[Line]:
    """`source` is a path, or `-` for standard input (one prompt per line).

    `keys` are those that a line may have beside its prompt, each with a function from key and value to what it means
    that raises ValueError; without them, those of generation (seed, size, steps, guidance).
    """
    keys = GENERATION if keys is None else keys
    if source == "-":
        name, kind, data = "standard input", ".txt", sys.stdin.buffer.read()
    else:
        name, kind = source, Path(source).suffix.lower()
        try:
            data = Path(source).read_bytes()
        except OSError as problem:
            raise UserError(
                f"{source}: {problem.strerror or problem}", "give a .txt, .jsonl or .csv file, or - for standard input"
            ) from None
    if kind not in _ROWS:
        raise UserError(
            f"{name}: prompts are read from {', '.join(_ROWS)}, not from {kind or 'a file without an ending'}",
            "rename the file to what it is, or pipe one prompt per line into --prompts -",
        )
    problems: list[Problem] = []
    lines = []
    for number, row in _ROWS[kind](_decode(name, data), problems, name, ("prompt", *keys)):
        try:
            lines.append(_line(row, keys))
        except _Bad as bad:
            problems.append(Problem(name, number, bad.key, str(bad)))
    if problems:
        raise ConfigError(sorted(problems, key=lambda problem: problem.line or 0))
    if not lines:
        raise UserError(f"{name}: no prompt in it", "write one prompt per line")
    return lines


def size(text: str) -> tuple[int, int]:
    """`256x128` -> (256, 128), width first; `256` is a square."""
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) > 2 or not all(part.strip().isdecimal() for part in parts):
        raise ValueError(f"“{text}” is not a size: write WIDTHxHEIGHT in pixels, such as 64x64")
    width, height = int(parts[0]), int(parts[-1])
    if width < 1 or height < 1:
        raise ValueError(f"“{text}” is not a size: both sides must be at least 1 pixel")
    return width, height


class _Bad(ValueError):
    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def _decode(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        number = data.count(b"\n", 0, problem.start) + 1
        raise ConfigError([Problem(name, number, "", "not UTF-8; save the file as UTF-8")]) from None


def _text_rows(text: str, problems: list[Problem], name: str, keys: Sequence[str]):
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, {"prompt": line.strip()}


def _json_rows(text: str, problems: list[Problem], name: str, keys: Sequence[str]):
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as problem:
            problems.append(Problem(name, number, "", f"not JSON: {problem.msg} (column {problem.colno})"))
            continue
        except (ValueError, RecursionError) as problem:  # numbers of thousands of digits, lists in lists in lists
            problems.append(Problem(name, number, "", f"not JSON that can be read: {problem}"))
            continue
        yield number, {"prompt": row} if isinstance(row, str) else row


def _csv_rows(text: str, problems: list[Problem], name: str, keys: Sequence[str]):
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        wrong = [Problem(name, 1, key, _unknown(keys)) for key in header if key not in keys]
        if header and "prompt" not in header:
            wrong.append(Problem(name, 1, "prompt", "the first line names the columns, and no column has this name"))
        problems += wrong
        if wrong:
            return
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                problems.append(Problem(name, reader.line_num, "", f"{len(row)} cells under a header of {len(header)}"))
                continue
            yield (
                reader.line_num,
                {key: cell for key, cell in zip(header, row, strict=True) if key == "prompt" or cell.strip()},
            )
    except csv.Error as problem:
        problems.append(Problem(name, reader.line_num, "", f"not CSV: {problem}"))


_ROWS = {".txt": _text_rows, ".jsonl": _json_rows, ".csv": _csv_rows}


def _unknown(keys: Iterable[str]) -> str:
    return f"unknown key; a prompt takes {', '.join(keys)}"


def _line(row: Any, keys: Mapping[str, Convert]) -> Line:
    if not isinstance(row, dict):
        raise _Bad("", "a line is a JSON object with a prompt, or a JSON string")
    for key in row:
        if key not in ("prompt", *keys):
            raise _Bad(str(key), _unknown(("prompt", *keys)))
    prompt = row.get("prompt")
    if not isinstance(prompt, str):
        raise _Bad("prompt", "missing" if prompt is None else f"{prompt!r} is not a text")
    if not is_text(prompt):
        raise _Bad("prompt", f"{prompt!r} is not valid UTF-8")
    values: dict[str, Any] = {"prompt": prompt.strip()}
    for key, convert in keys.items():
        if row.get(key) is not None:
            try:
                values[key] = convert(key, row[key])
            except _Bad:
                raise
            except ValueError as problem:
                raise _Bad(key, str(problem)) from None
    extra = {key: values.pop(key) for key in list(values) if key not in FIELDS}
    return Line(**values, extra=extra or None)


def is_text(prompt: str) -> bool:
    """Whether every character can be written: half a surrogate pair, or a terminal's foreign bytes, cannot."""
    try:
        prompt.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def whole(key: str, value: Any) -> int:
    try:
        whole = None if isinstance(value, bool | float) else int(value)
    except (TypeError, ValueError):
        whole = None
    if whole is None or whole < 0:
        raise _Bad(key, f"{value!r} is not a whole number from 0 up")
    return whole


def _count(key: str, value: Any) -> int:
    if (count := whole(key, value)) < 1:
        raise _Bad(key, "must be at least 1")
    return count


def _number(key: str, value: Any) -> float:
    try:
        number = None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or not 0 <= number < float("inf"):
        raise _Bad(key, f"{value!r} is not a number from 0 up")
    return number


def _size(key: str, value: Any) -> tuple[int, int]:
    try:
        return size(str(value))
    except ValueError as problem:
        raise _Bad(key, str(problem)) from None


GENERATION: Mapping[str, Convert] = {"seed": whole, "size": _size, "steps": _count, "guidance": _number}
