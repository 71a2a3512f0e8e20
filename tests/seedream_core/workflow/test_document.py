"""YAML is read as it is written, and refused with a line where it is not plain data."""

from pathlib import Path

import pytest

from seedream_core.errors import ConfigError
from seedream_core.workflow.document import load_yaml, read_text

BOMB = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{b}: &{b} [{','.join(['*' + a] * 10)}]\n" for a, b in zip("abcdefg", "bcdefgh")
)


def test_scalars_are_those_of_yaml_1_2():
    document, problems = read_text("[no, 010, 12:30, 1e-4, .5, 1_0, 2026-01-01, 0x10, '3', null, true, -7, 2.0]", "x")
    assert not problems
    assert document.tree == ["no", "010", "12:30", 1e-4, 0.5, "1_0", "2026-01-01", "0x10", "3", None, True, -7, 2.0]
    assert [type(item) for item in document.tree[-2:]] == [int, float]


def test_own_keys_win_over_merged_ones_and_every_path_has_the_line_it_was_written_on():
    document, problems = read_text(
        "a: &a\n  x: 1\n  y: 2\nb: &b {y: 3, z: 4}\nc:\n  <<: [*a, *b]\n  x: 5\nd: *a\n", "x"
    )
    assert not problems
    assert document.tree["c"] == {"x": 5, "y": 2, "z": 4}
    assert {path: line for path, line in document.lines.items() if path[:1] == ("c",)} == {
        ("c",): 5,
        ("c", "x"): 7,
        ("c", "y"): 3,
        ("c", "z"): 4,
    }
    assert document.lines["d", "y"] == 3


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (b"a: 1\nb: 2\na: 3\n", 3, "duplicate key 'a', first on line 1"),
        (b"a: 1\nb: !!python/object:os.system {}\n", 2, "tag"),
        (b"a:\n- .nan\n", 2, ".nan is not a finite number"),
        (b"a: 1\nb: 1e999\n", 2, "not a finite number"),
        (b"a: &a [*a]\n", 1, "contains itself"),
        (BOMB.encode(), 1, "expand to more than"),
        (b"[" * 5000, None, "nested more than"),
        (b"[" * 100 + b"]" * 100, 1, "nested more than"),
        (b"a: [1\n", 2, "not YAML"),
        (b"a: \x01\n", 1, "not allowed"),
        (b"a: *nothing\n", 1, "undefined alias"),
        (b"? [1]\n: 2\n", 1, "a key must be plain text"),
        (b"a: 1\nb:\n  <<: 3\n", 3, "merges mappings only"),
        (b"", 1, "the file is empty"),
        (b"# only a comment\n", 1, "the file is empty"),
        (b"a: 1\nb: \xff\n", 2, "not UTF-8"),
    ],
)
def test_what_is_no_plain_data_is_refused_with_its_line(tmp_path, text, line, words):
    path = tmp_path / "bad.yaml"
    path.write_bytes(text)
    with pytest.raises(ConfigError, match=words) as caught:
        load_yaml(path)
    assert [problem.line for problem in caught.value.problems] == [line]
    assert caught.value.exit_code == 2


def test_problems_are_all_told_at_once_and_each_once(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("a: &a {x: .inf}\nb: *a\nc: *a\na: 1\n")
    with pytest.raises(ConfigError) as caught:
        load_yaml(path)
    assert [problem.line for problem in caught.value.problems] == [1, 4]


@pytest.mark.parametrize("path", ["missing.yaml", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path, path):
    with pytest.raises(ConfigError, match="no such file|cannot be read"):
        load_yaml(tmp_path / path)


def test_override_reaches_into_mappings_lists_and_named_techniques():
    document, _ = read_text("a: {b: {lr: 1.0}, c: [red, {name: blue}]}\nd: euler\n", "x")
    changed = document.override(
        ["a.b.lr=2e-4", "a.c.0.coats=2", "a.c.1.name=green", "d.steps=[1, 2]", "a.new.key=true", "a.b.lr=3e-4"]
    )
    assert changed.tree == {
        "a": {"b": {"lr": 3e-4}, "c": [{"name": "red", "coats": 2}, {"name": "green"}], "new": {"key": True}},
        "d": {"name": "euler", "steps": [1, 2]},
    }
    assert document.tree["a"]["b"]["lr"] == 1.0
    assert str(changed.problem(("a", "b", "lr"), "no")) == "--set a.b.lr=3e-4: a.b.lr: no"
    assert str(changed.problem(("a", "b"), "no")) == "x:1: a.b: no"


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("a", "expected key.path=value"),
        ("a..b=1", "expected key.path=value"),
        ("a.5=1", "list of 2"),
        ("a.x.y=1", "list of 2"),
        ("b.x=1", "no keys inside"),
        ("a.0=!x 1", "tag"),
    ],
)
def test_an_override_that_fits_nowhere_is_refused_by_name(assignment, words):
    document, _ = read_text("a: [1, 2]\nb: 3\n", "x")
    with pytest.raises(ConfigError, match=words) as caught:
        document.override([assignment])
    assert str(caught.value).startswith(f"--set {assignment}")


def test_a_byte_order_mark_is_no_content(tmp_path):
    path = Path(tmp_path / "bom.yaml")
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert load_yaml(path).tree == {"a": 1}
