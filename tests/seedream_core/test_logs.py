"""Rows come back as written, up to where a kill tore them."""

import csv
import json

from seedream_core.logs import read_rows, to_csv

ROWS = [{"step": 1, "prompt": "one\u2028two\x85three"}, {"step": 2, "prompt": "四", "loss": 0.25}]


def text(rows: list[dict]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def test_a_line_may_hold_every_line_end_of_unicode(tmp_path):
    (tmp_path / "log.jsonl").write_text(text(ROWS), encoding="utf-8")
    assert read_rows(tmp_path / "log.jsonl") == ROWS


def test_a_torn_last_line_is_left_out_and_no_file_is_no_rows(tmp_path):
    (tmp_path / "torn.jsonl").write_text(text(ROWS)[:-5], encoding="utf-8")
    assert read_rows(tmp_path / "torn.jsonl") == ROWS[:1]
    assert read_rows(tmp_path / "none.jsonl") == []
    (tmp_path / "torn.jsonl").write_bytes(text(ROWS).encode()[:-20])  # inside a character
    assert read_rows(tmp_path / "torn.jsonl") == ROWS[:1]


def test_a_table_has_the_columns_of_every_row():
    assert list(csv.DictReader(to_csv([{"a": 1}, {"b": 2, "a": 3}]).splitlines())) == [
        {"a": "1", "b": ""},
        {"a": "3", "b": "2"},
    ]
