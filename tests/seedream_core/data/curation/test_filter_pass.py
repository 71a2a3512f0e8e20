"""Every sample of some shards comes to one row; a picture that a record rules out is never decoded."""

import json

import numpy as np
import pytest

from seedream_core.data.curation import lazy_sample
from seedream_core.data.curation.filter_pass import FilterPass, record
from seedream_core.data.curation.filters import Filter
from seedream_core.data.curation.funnel import Funnel, FunnelPlan
from seedream_core.data.images import pictures
from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.records import Sample
from seedream_core.synthetic.scenes.render import png


@pytest.fixture
def folder(tmp_path):
    with ShardWriter(tmp_path / "shards") as writer:
        for number, side in enumerate((8, 16, 16, 16)):
            sample = Sample(
                key=f"k{number}", width=side, height=side, captions={"en": {"short": "a"}}, scores={"old": 1.0}
            )
            writer.add(
                sample.key, {"png": png(np.full((side, side, 3), 9 * number, np.uint8)), "json": sample.to_json()}
            )
        writer.add(
            "k4",
            {
                "png": png(np.zeros((16, 8, 3), np.uint8)),
                "json": Sample(key="k4", width=16, height=16, captions={}).to_json(),
            },
        )
    return tmp_path


def filter_pass(folder, **options) -> FilterPass:
    return FilterPass(
        folder, json.dumps(options), FunnelPlan.of([], [Filter.find("size")(width=16, height=16)], {"digest": "exact"})
    )


def test_rows_and_features(folder, monkeypatch):
    decoded, decode = [], pictures.decode
    monkeypatch.setattr(pictures, "decode", lambda members: decoded.append(1) or decode(members))
    judge = filter_pass(folder)
    tasks = judge.tasks(range(5))
    rows = [pair for task in tasks for pair in judge(task)]
    assert [row.fate for row, _ in rows] == ["dropped", "kept", "kept", "kept", "quarantined"] and len(decoded) == 3
    assert rows[4][0].reason == "picture: 8×16 pixels where the record says 16×16"
    assert [set(features) for row, features in rows if row.fate == "kept"] == [{"digest"}] * 3
    assert len({features["digest"].tobytes() for row, features in rows if row.fate == "kept"}) == 3


def test_large_pictures_are_judged_a_few_at_once_and_alike(folder, monkeypatch):
    together, counts, judge = filter_pass(folder)(range(5)), [], Funnel.__call__
    monkeypatch.setattr(lazy_sample, "PIXELS", 2 * 16 * 16)
    monkeypatch.setattr(Funnel, "__call__", lambda self, views: (counts.append(len(views)), judge(self, views))[1])
    parts = filter_pass(folder)(range(5))
    assert counts == [2, 2] and [row for row, _ in parts] == [row for row, _ in together]
    assert [{name: value.tobytes() for name, value in found.items()} for _, found in parts] == [
        {name: value.tobytes() for name, value in found.items()} for _, found in together
    ]


def test_other_contents_are_opened_again(folder):
    assert filter_pass(folder, run=1)(range(1, 2))[0][0].fate == "kept"
    shard = next((folder / "shards").glob("*.tar"))
    data = bytearray(shard.read_bytes())
    data[540] ^= 1
    shard.write_bytes(data)
    rows = [row for row, _ in filter_pass(folder, run=2)(range(5))]
    assert any("CRC32" in row.reason for row in rows)
    assert len(filter_pass(folder, run=2).lost(ShardReader(folder))) == 0


def test_the_record_keeps_what_it_had():
    from seedream_core.data.storage.pass_results import PassRow

    sample = Sample(key="a", width=1, height=1, captions={}, scores={"old": 1.0}, boxes=({"kind": "logo"},))
    found = record(sample, PassRow(key="a", source="s", position=0, scores={"new": 0.5}, boxes=[{"kind": "mosaic"}]))
    assert found.scores == {"old": 1.0, "new": 0.5} and [box["kind"] for box in found.boxes] == ["logo", "mosaic"]
    again = PassRow(key="a", source="s", position=0, scores={"new": 0.5}, boxes=[{"kind": "mosaic"}, {"kind": "text"}])
    assert [box["kind"] for box in record(found, again).boxes] == ["logo", "mosaic", "text"]
