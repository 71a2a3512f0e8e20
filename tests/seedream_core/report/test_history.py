"""A sample is found by its key or its first name, through every stage behind an artifact, and its last
fate is shown.
"""

import json
import os

import pytest

from seedream_core.data.storage.shards import ShardWriter
from seedream_core.errors import UserError
from seedream_core.records import Sample
from seedream_core.report.history import fates, read, sample_history, unfinished
from seedream_core.workflow import artifact


def made(folder, rows, keys, source=None, names={}):
    """An artifact of samples with these fates."""
    with ShardWriter(folder / "shards") as writer:
        for key in keys:
            writer.add(
                key, {"json": Sample(key=key, name=names.get(key, ""), width=1, height=1, captions={}).to_json()}
            )
    if rows:
        (folder / "fates.jsonl").write_text(
            "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
        )
    inputs = {"data": [{"path": f"../{source.name}", "digest": artifact.digest(source)}]} if source else {}
    artifact.finish(
        folder, kind="shards", stage="data/x", fingerprint="", inputs=inputs, facts={}, metrics={}, seconds=0.0
    )
    return folder


def row(key, fate="kept", reason="", **more):
    return {"key": key, "source": "s", "fate": fate, "reason": reason, "stage": "data/x"} | more


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    home = tmp_path_factory.mktemp("chain")
    first = made(
        home / "first",
        [
            row("x1", name="星.png"),
            row("x2", name="b.png"),
            row("x3", "quarantined", "cut: byte 3", name="c.png"),
            row("x4", "quarantined", "cut: byte 9"),
        ],
        ["x1", "x2"],
    )
    second = made(home / "second", [row("x1"), row("x2", "dropped", "blurred: 0.1 under 0.3")], ["x1"], first)
    return made(home / "third", [], ["x1"], second)


@pytest.mark.parametrize("asked", ["星.png", "x1"])
def test_a_kept_sample_is_met_by_every_stage(chain, asked):
    history = sample_history(chain, asked)
    assert [(one.step, one.fate) for one in history.entries] == [
        ("first", "kept"),
        ("second", "kept"),
        ("third", "there"),
    ]
    assert (history.key, history.name) == ("x1", "星.png") and history.members.keys() == {"json"}


def test_the_stage_that_dropped_it_is_its_last(chain):
    history = sample_history(chain, "b.png")
    assert (
        history.entries[-1].reason == "blurred: 0.1 under 0.3" and len(history.entries) == 2 and history.members is None
    )
    assert [one.fate for one in sample_history(chain, "c.png").entries] == ["quarantined"]
    with pytest.raises(UserError, match="no sample 'z'"):
        sample_history(chain, "z")


def test_fates_are_counted_by_kind_of_reason(chain):
    assert fates(chain.parent / "first") == {("kept", ""): 2, ("quarantined", "cut"): 2} and fates(chain) == {}
    assert read(chain).keys() == {"json"} and read(chain, "x2") is None


def test_a_step_that_stopped_is_the_last_chapter(chain, tmp_path):
    stopped = tmp_path / "stopped"
    (stopped / "shards").mkdir(parents=True)
    (stopped / "step.yaml").write_text(
        "# started from "
        + json.dumps(
            {
                "stage": "data/curate",
                "version": 3,
                "inputs": {"data": [{"path": os.path.relpath(chain.parent / "first", stopped), "digest": ""}]},
            }
        )
        + "\nrun: data/curate\n",
        encoding="utf-8",
    )
    (stopped / "fates.jsonl").write_text(
        json.dumps(row("x1", "quarantined", "picture: none")) + "\n" + '{"key": "x2", "sou', encoding="utf-8"
    )
    assert unfinished(stopped) == "data/curate" and unfinished(chain) is None and read(stopped) is None
    assert fates(stopped) == {("quarantined", "picture"): 1}
    history = sample_history(stopped, "星.png")
    assert [(one.step, one.stage, one.fate) for one in history.entries] == [
        ("first", "data/x", "kept"),
        ("stopped (not finished)", "data/curate", "quarantined"),
    ]
    assert [one.step for one in sample_history(stopped, "b.png").entries] == ["first"]


def test_a_tuple_finds_the_way_back_to_its_picture_and_no_other_tuple(chain, tmp_path):
    tuples = {"x1-0-canny": "x1", "x1-1-edit": "x1"}
    pairs = made(chain.parent / "pairs", [row("x1", name="星.png")], tuples, chain.parent / "second", tuples)
    last = made(
        chain.parent / "last",
        [row("x1-0-canny", "dropped", "size: small", name="x1"), row("x1-1-edit", name="x1")],
        ["x1-1-edit"],
        pairs,
        tuples,
    )
    for folder, key, ends in (
        (pairs, "x1-0-canny", []),
        (last, "x1-1-edit", [("last", "kept")]),
        (last, "x1-0-canny", [("last", "dropped")]),
    ):
        history = sample_history(folder, key)
        assert [(one.step, one.fate) for one in history.entries] == [
            ("first", "kept"),
            ("second", "kept"),
            ("pairs", "kept"),
            *ends,
        ]
        assert (history.key, history.name, bool(history.members)) == (key, "星.png", ends != [("last", "dropped")])
        assert [one.key for one in history.entries] == ["x1"] * 3 + [key] * len(ends)
    assert [(one.step, one.key) for one in sample_history(last, "星.png").entries[2:]] == [
        ("pairs", "x1"),
        ("last", "x1-0-canny"),
        ("last", "x1-1-edit"),
    ]
