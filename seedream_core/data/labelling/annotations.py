"""Reads labels from the truth in records, or from a person who fills in a JSONL file (Seedream 2.0).

A line to fill in is `{"key", "name", "picture", "choices", "label": null}`. A label is one of the choices, or a number;
`skip` is for a picture that cannot be decided. Text written by a person is never overwritten.
"""

import io
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.labelling.acquisition import Round
from seedream_core.data.labelling.active import SKIP, Label
from seedream_core.data.labelling.score_heads import CLASSES
from seedream_core.data.storage.shards import ShardReader
from seedream_core.errors import DataError, NothingMade, Problem, UserError
from seedream_core.records import Sample, load_json
from seedream_core.workflow.artifact import write_atomic

SHOWN_PROBLEMS = 10
SHOWN_SIDE = 512


@dataclass(frozen=True)
class Annotation:
    """One line of a file of labels."""

    file: Path
    line: int
    key: str
    label: Label | None


@dataclass(frozen=True)
class Pictures:
    """The samples of a pool, by key."""

    reader: ShardReader
    places: Mapping[str, int]

    def view(self, key: str) -> LazySample:
        return LazySample.read(self.reader, self.places[key])


@dataclass(frozen=True)
class TruthAnnotator:
    """Labels from the records, at a dotted path."""

    pictures: Pictures
    path: str
    task: str

    def __call__(self, keys: Iterable[str]) -> dict[str, float]:
        return {key: truth(self.pictures.view(key).sample, self.path, self.task) for key in keys}


@dataclass(frozen=True)
class HumanAnnotator:
    """Labels that a person has written so far; missing ones are exported to be filled in, and then the run stops."""

    pictures: Pictures
    task: str
    known: Mapping[str, Label]
    folder: Path | None

    def __call__(self, now: Round, number: int) -> dict[str, Label]:
        keys = sorted(
            (*now.train, *now.held)
        )  # in one order, so that a person cannot see which are uncertain and which are random
        missing = [key for key in keys if key not in self.known]
        if missing and self.folder is None:
            raise lacking(number, len(missing), len(self.known))
        if missing:
            file = ask(self.folder, f"round-{number:03d}", self.task, map(self.pictures.view, missing))
            raise UserError(
                f"{len(missing)} pictures wait for a label in {file}; {len(self.known)} are labelled so far",
                f"put {expected(self.task)} or {SKIP} in the `label` of each line (pictures lie beside it), "
                "then run the same command again",
            )
        return {key: self.known[key] for key in keys}


def lacking(number: int, count: int, known: int) -> NothingMade:
    """The error if labels are missing and nobody can be asked."""
    return NothingMade(
        f"round {number} needs {count} labels that are not there yet",
        "give export=FOLDER: their pictures and lines to fill in are "
        f"written there; or, where the {known} labels that are there shall do, an active.first of no more",
    )


def truth(sample: Sample, path: str, task: str) -> float:
    """The label in a record at a dotted path, such as `truth.damage`, `scores.clarity` or `tags.watermark`.

    A name below a list asks whether the list contains it. For the task defect every value counts as a defect except
    null, false, 0 and empty ones.
    """
    value: Any = vars(sample)
    for part in path.split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, (list, tuple)):
            value = value[int(part)] if part.isdecimal() and int(part) < len(value) else part in value
        else:
            raise DataError(
                f"{sample.key}: its record has no {path}", "name a field of the record with `truth`, or give `labels`"
            )
    label = parsed(bool(value) if task == "defect" else value, task)
    if label is None or label == SKIP:
        raise DataError(
            f"{sample.key}: {path} is {json.dumps(value, ensure_ascii=False)[:60]}, not a label for {task}: "
            f"{expected(task)}"
        )
    return label


def parsed(value: Any, task: str) -> Label | None:
    """Converts a written label; None if it is not valid for this task."""
    classes = CLASSES[task]
    if value == SKIP:
        return SKIP
    if task == "defect" and isinstance(value, bool):
        return float(value)
    if not classes and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    return float(classes.index(value)) if isinstance(value, str) and value in classes else None


def written(label: Label, task: str) -> str | float:
    """A label as `parsed` returns it."""
    return CLASSES[task][int(label)] if CLASSES[task] and label != SKIP else label


def expected(task: str) -> str:
    return " or ".join(CLASSES[task]) or "a number"


def read(source: Path, task: str, known: Collection[str], pool: str) -> dict[str, Label]:
    """Labels by key from a jsonl or a folder of them; lines without a label are skipped.

    DataError with file and line for every wrong line: not JSON, a key that is not in the pool, an invalid label, two
    different labels of one picture.
    """
    if not source.exists():
        raise DataError(f"{source}: no such file or folder of labels")
    labels: dict[str, Annotation] = {}
    problems: list[Problem] = []
    for item in _lines(sorted(source.glob("*.jsonl")) if source.is_dir() else [source], task, problems):
        if item.key not in known:
            problems.append(Problem(str(item.file), item.line, "key", f"{item.key!r} is not in {pool}"))
        elif item.label is not None and (other := labels.setdefault(item.key, item)).label != item.label:
            problems.append(
                Problem(
                    str(item.file), item.line, "label", f"{item.key} has a different label at {other.file}:{other.line}"
                )
            )
    if problems:
        more = f"\nand {len(problems) - SHOWN_PROBLEMS} more" if len(problems) > SHOWN_PROBLEMS else ""
        raise DataError(
            "\n".join(map(str, problems[:SHOWN_PROBLEMS])) + more, "correct these lines and run the same command again"
        )
    return {key: item.label for key, item in labels.items()}


def write(path: Path, labels: Mapping[str, Label], task: str) -> None:
    """Writes labels in the format that `read` reads."""
    write_atomic(
        path,
        "".join(
            json.dumps({"key": key, "label": written(label, task)}) + "\n" for key, label in sorted(labels.items())
        ),
    )


def ask(folder: Path, name: str, task: str, views: Iterable[LazySample]) -> Path:
    """Writes the lines and pictures for a person to label; existing lines are not changed."""
    file = folder / f"{name}.jsonl"
    before = file.read_bytes() if file.is_file() else b""
    there = {line.key for line in _lines([file], task, [])} if before else set()
    lines = [before if before.endswith(b"\n") or not before else before + b"\n"]
    for view in views:
        picture = folder / "pictures" / f"{view.sample.key}.png"
        if not picture.is_file():
            shown, data = Image.fromarray(view.pixels), io.BytesIO()
            shown.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
            shown.save(data, "PNG")
            write_atomic(picture, data.getvalue())
        if view.sample.key not in there:
            row = {
                "key": view.sample.key,
                "name": view.sample.name,
                "picture": picture.relative_to(folder).as_posix(),
                "choices": [*(CLASSES[task] or ["a number"]), SKIP],
                "label": None,
            }
            lines.append(json.dumps(row, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
    write_atomic(file, b"".join(lines))
    return file


def _lines(files: Sequence[Path], task: str, problems: list[Problem]) -> Iterator[Annotation]:
    for file in files:
        for number, line in enumerate(file.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
            if not line.strip():
                continue
            try:
                row = load_json(line)
            except DataError as error:
                problems.append(Problem(str(file), number, "", error.message))
                continue
            if not isinstance(row, dict) or not isinstance(row.get("key"), str):
                problems.append(Problem(str(file), number, "", "the line is not a JSON object with a key"))
                continue
            value = row.get("label")
            label = None if value is None else parsed(value, task)
            if value is not None and label is None:
                shown = json.dumps(value, ensure_ascii=False)[:60]
                problems.append(
                    Problem(
                        str(file), number, "label", f"{shown} is not a label for {task}: {expected(task)}, or {SKIP}"
                    )
                )
                continue
            yield Annotation(file, number, row["key"], label)
