"""Pools: shares as asked, empty ones give theirs away, nodes drawn by target, and what an evaluation found weak."""

import json

import numpy as np
import pytest

from seedream_core.data.balancing.pools import at_least, by_node, mixed, table, weak
from seedream_core.errors import DataError
from seedream_core.records import Sample


def test_draws_follow_the_shares():
    members = {"maintenance": np.ones(10), "knowledge": np.array([1.0, 3.0] + [0.0] * 8), "targeted": np.zeros(10)}
    chances = mixed(members, {"maintenance": 0.6, "knowledge": 0.2, "targeted": 0.2})
    assert chances[2:] == pytest.approx(0.6 / 10)
    assert chances[0] == pytest.approx(0.06 + 0.2 / 4) and chances[1] == pytest.approx(0.06 + 0.2 * 3 / 4)
    said: list[str] = []
    rows = table(members, chances, said.append)
    assert rows["knowledge"] == {"samples": 2, "share": 0.2, "drawn": 0.4} and "knowledge" in said[2]
    with pytest.raises(DataError, match="no pool with a share has samples"):
        mixed(members, {"targeted": 1.0})


def test_nodes_are_drawn_by_target_not_by_size():
    rows = [[0]] * 8 + [[1]] * 2 + [[]]
    weights = by_node(rows, [1.0, 3.0])
    assert weights[:8].sum() == pytest.approx(1) and weights[8:10].sum() == pytest.approx(3) and weights[-1] == 0


def test_high_quality_needs_every_score():
    sample = Sample(key="a", width=1, height=1, captions={}, scores={"clarity": 0.5, "aesthetic": 0.7})
    assert at_least(sample, {"clarity": 0.5}) and not at_least(sample, {"clarity": 0.6})
    assert not at_least(sample, {"clarity": 0.5, "other": 0.0}) and not at_least(sample, {})


def test_weak_words_are_those_that_fail_beyond_chance(tmp_path):
    rows = [
        {"prompt": f"a {color} {shape}", "right": not (color == "cyan" and shape == "star") and i > 0}
        for i in range(12)
        for color in ("red", "cyan", "blue")
        for shape in ("star", "heart", "circle")
    ]
    rows += [{"prompt": "红色圆形", "right": i < 1} for i in range(20)]
    path = tmp_path / "verdicts.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    found = weak(path)
    assert found[0] == "cyan star" and "红色" in found and "red" not in found and "heart" not in found
    assert all(" " not in word for word in found if word > "\u3400")
    path.write_text("")
    with pytest.raises(DataError, match="no verdicts"):
        weak(path)
