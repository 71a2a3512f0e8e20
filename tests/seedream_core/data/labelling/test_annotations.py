"""Labels: what records tell, what a person writes, and every line that is wrong named by file and number."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.labelling import annotations
from seedream_core.data.labelling.active import SKIP
from seedream_core.errors import DataError
from seedream_core.records import Sample

SAMPLE = Sample(
    key="a",
    width=9,
    height=9,
    captions={},
    tags=("pair", "watermark"),
    scores={"clarity": 0.25},
    truth={"damage": None, "area": 0.3, "parts": [{"rank": "hard"}], "kind": "pair", "level": "easy"},
)


@pytest.mark.parametrize(
    "path, task, label",
    [
        ("truth.damage", "defect", 0),
        ("truth.kind", "defect", 1),
        ("truth.area", "defect", 1),
        ("tags.watermark", "defect", 1),
        ("tags.logo", "defect", 0),
        ("boxes", "defect", 0),
        ("truth.level", "difficulty", 0),
        ("truth.parts.0.rank", "difficulty", 2),
        ("scores.clarity", "aesthetic", 0.25),
    ],
)
def test_truth(path, task, label):
    assert annotations.truth(SAMPLE, path, task) == label


@pytest.mark.parametrize(
    "path, task, words",
    [
        ("truth.spoilt", "defect", "a: its record has no truth.spoilt"),
        ("truth.area.x", "defect", "no truth.area.x"),
        ("truth.kind", "difficulty", 'truth.kind is "pair", not a label for difficulty: easy or medium or hard'),
        ("truth.kind", "aesthetic", "a number"),
        ("truth.damage", "aesthetic", "null"),
    ],
)
def test_truth_that_is_none(path, task, words):
    with pytest.raises(DataError, match=words):
        annotations.truth(SAMPLE, path, task)


@pytest.mark.parametrize(
    "task, value, label",
    [
        ("defect", "defect", 1),
        ("defect", "clean", 0),
        ("defect", True, 1),
        ("defect", "Clean", None),
        ("defect", 1, None),
        ("difficulty", "medium", 1),
        ("difficulty", True, None),
        ("aesthetic", 7, 7),
        ("aesthetic", 0.5, 0.5),
        ("aesthetic", True, None),
        ("aesthetic", "7", None),
        ("aesthetic", SKIP, SKIP),
        ("defect", SKIP, SKIP),
        ("defect", [], None),
        ("defect", {}, None),
    ],
)
def test_what_a_label_means(task, value, label):
    assert annotations.parsed(value, task) == label
    if label is not None:
        assert annotations.parsed(annotations.written(label, task), task) == label


def lines(path: Path, *rows) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n")
    return path


def test_files_and_folders(tmp_path):
    one = lines(
        tmp_path / "one.jsonl",
        {"key": "a", "label": "defect", "name": "x"},
        "",
        {"key": "b", "label": None},
        {"key": "c"},
    )
    lines(tmp_path / "two.jsonl", "\ufeff" + json.dumps({"key": "b", "label": "skip"}), {"key": "a", "label": True})
    (tmp_path / "notes.txt").write_text("no labels here")
    assert annotations.read(one, "defect", {"a", "b", "c"}, "the pool") == {"a": 1}
    assert annotations.read(tmp_path, "defect", {"a", "b", "c"}, "the pool") == {"a": 1, "b": SKIP}
    annotations.write(tmp_path / "three.jsonl", {"a": 1.0, "b": SKIP}, "defect")
    assert annotations.read(tmp_path / "three.jsonl", "defect", {"a", "b"}, "the pool") == {"a": 1, "b": SKIP}


def test_every_wrong_line_is_named(tmp_path):
    file = lines(
        tmp_path / "l.jsonl",
        {"key": "a", "label": "defect"},
        {"key": "z", "label": "defect"},
        {"key": "b", "label": "dirty"},
        "{",
        [1],
        {"label": "clean"},
        {"key": "a", "label": "clean"},
        {"key": "b", "label": float("inf")},
    )
    with pytest.raises(DataError) as caught:
        annotations.read(file, "defect", {"a", "b"}, "the pool of 2")
    problems = [line.removeprefix(str(file) + ":") for line in caught.value.message.splitlines()]
    assert [line.partition(":")[0] for line in problems] == ["2", "3", "4", "5", "6", "7", "8"]
    assert (
        problems[0] == "2: key: 'z' is not in the pool of 2"
        and problems[1] == '3: label: "dirty" is not a label for defect: clean or defect, or skip'
    )
    assert (
        "not json" in problems[2]
        and "not a JSON object with a key" in problems[3]
        and problems[5] == f"7: label: a has a different label at {file}:1"
    )
    lines(file, *({"key": f"z{n}", "label": None} for n in range(30)))
    with pytest.raises(DataError, match="\nand 20 more"):
        annotations.read(file, "defect", {"a"}, "the pool")
    with pytest.raises(DataError, match="no such file or folder of labels"):
        annotations.read(tmp_path / "none.jsonl", "defect", (), "the pool")


def view(key: str, side: int = 700) -> LazySample:
    return LazySample.of(
        Sample(key=key, name=f"写 {key}", width=side, height=side, captions={}),
        np.full((side, side // 2, 3), 90, np.uint8),
    )


def test_asking_writes_pictures_and_lines_and_never_over_a_label(tmp_path):
    file = annotations.ask(tmp_path / "ask", "round-000", "difficulty", [view("a"), view("b")])
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert rows[0] == {
        "key": "a",
        "name": "写 a",
        "picture": "pictures/a.png",
        "choices": ["easy", "medium", "hard", "skip"],
        "label": None,
    }
    assert [Image.open(file.parent / row["picture"]).size for row in rows] == [(256, 512)] * 2
    rows[0]["label"] = "hard"
    file.write_text(json.dumps(rows[0]))  # the second line was thrown away, and no newline ends the first
    annotations.ask(tmp_path / "ask", "round-000", "difficulty", [view("a"), view("b")])
    assert [(row["key"], row["label"]) for row in map(json.loads, file.read_text(encoding="utf-8").splitlines())] == [
        ("a", "hard"),
        ("b", None),
    ]
