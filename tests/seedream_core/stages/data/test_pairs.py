"""Tuples in shards: members as the house names them, a fate for every sample, edits that are what they say."""

import io
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seedream_core.data.pairs import Pairs as Family
from seedream_core.data.storage import budget, ordered, shards
from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.errors import ConfigError, DataError
from seedream_core.evaluation.judges.scenes import fault
from seedream_core.records import Sample
from seedream_core.stages.data import pairs
from seedream_core.stages.data.pairs import PairsStage
from seedream_core.stages.data.synthetic import SyntheticStage
from seedream_core.synthetic.scenes.reader import read
from seedream_core.synthetic.scenes.world import Scene
from seedream_core.workflow.config import parse
from seedream_core.workflow.host import Host

NAMES = ("edits", "compose", "story", "canny", "low_resolution", "inpainting", "segmentation", "identity")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    SyntheticStage(samples=120, seed=5).run(folder, Host())
    return folder


def picture(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_a_picture_stays_masked_where_it_is_the_target(world, tmp_path):
    reader, box = ShardReader(world), {"kind": "logo", "box": [0.1, 0.1, 0.3, 0.3], "score": 1.0}
    with ShardWriter(tmp_path / "in") as writer:
        for place in range(20):
            members = reader.read(place)
            sample = replace(Sample.from_json(members["json"]), boxes=(box,))
            writer.add(sample.key, members | {"json": sample.to_json()})
    stage = PairsStage(
        data=tmp_path / "in", pairs=tuple(Family.find(name)() for name in ("canny", "inpainting", "edits"))
    )
    (tmp_path / "out").mkdir()
    stage.run(tmp_path / "out", Host())
    made = ShardReader(tmp_path / "out")
    boxes = {}
    for place in range(len(made)):
        sample = Sample.from_json(made.read(place, "json")["json"])
        boxes.setdefault(sample.task, set()).add(len(sample.boxes))
    assert boxes.pop("canny") == boxes.pop("inpainting") == {1}
    assert boxes and all(count == {0} for count in boxes.values())  # edits draw their targets again


def test_tuples_have_one_size_where_their_pictures_have():
    stage = PairsStage(data=Path("data"), pairs=(Family.find("canny")(),))
    assert stage.facts({"data": {"samples": 9, "width": 64, "height": 32}}) == {"width": 64, "height": 32}
    assert (
        stage.facts({"data": {"samples": 9, "width": 65, "height": 32}}) == stage.facts({"data": {"samples": 9}}) == {}
    )


def test_tuples_of_every_kind(world, tmp_path, monkeypatch):
    monkeypatch.setattr(ordered, "FEW", 2)
    stage = PairsStage(data=world, pairs=tuple(Family.find(name)() for name in NAMES), samples_per_shard=100)
    for name, workers in (("a", 1), ("b", 2)):
        (tmp_path / name).mkdir()
        metrics = stage.run(tmp_path / name, Host(workers=workers))
    for path in (path for path in (tmp_path / "a").rglob("*") if path.is_file()):
        assert (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes() == path.read_bytes()
    reader, right = ShardReader(tmp_path / "a"), Counter()
    assert metrics["kept"] == 120 and metrics["facts"]["samples"] == len(reader) == sum(metrics["tasks"].values())
    assert {
        "recolour",
        "replace",
        "background",
        "move",
        "add",
        "remove",
        "compose",
        "story",
        "canny",
        "inpainting",
        "identity",
    } <= metrics["tasks"].keys()
    for place in range(len(reader)):
        members = reader.read(place)
        sample = Sample.from_json(members["json"])
        assert (
            "ref0.png" in members
            and {"instruction"} <= sample.captions["en"].keys()
            and "instruction" in sample.captions["zh"]
        )
        assert picture(members["png"]).shape == (sample.height, sample.width, 3) and sample.key == reader.keys[place]
        if sample.task == "compose":
            assert "ref1.png" in members
        if sample.task == "story":
            assert {"target1.png", "target2.png"} <= members.keys()
        if "editmask.png" in members:
            outside = ~picture(members["editmask.png"])
            assert (picture(members["png"])[outside] == picture(members["ref0.png"])[outside]).all()
        if sample.truth and "before" in sample.truth and "after" in sample.truth:
            right[fault(read(picture(members["png"])), Scene.from_json(sample.truth["after"]).asked)] += 1
            assert sample.captions["en"]["before"]
    assert right.total() > 150 and right[None] >= 0.97 * right.total(), right


def test_what_no_tuple_can_be_made_of(world, tmp_path):
    reader = ShardReader(world)
    with ShardWriter(tmp_path / "in" / "shards") as writer:
        for place, key in enumerate(reader.keys[:20]):
            members = reader.read(place)
            if place == 2:
                members = {"png": members["png"][:60], "json": members["json"]}
            elif place % 2:
                members = members | {"json": json.dumps(json.loads(members["json"]) | {"truth": None}).encode()}
            writer.add(key, members)
    (tmp_path / "out").mkdir()
    edits = (Family.find("edits")(kinds=("background",), both_ways=False),)
    with pytest.raises(DataError, match="1 of 20 samples are unreadable"):
        PairsStage(data=tmp_path / "in", pairs=edits).run(tmp_path / "out", Host())
    metrics = PairsStage(data=tmp_path / "in", pairs=edits, bad_budget=0.1).run(tmp_path / "out", Host())
    assert (metrics["kept"], metrics["dropped"], metrics["quarantined"], metrics["tasks"]) == (
        9,
        10,
        1,
        {"background": 9},
    )
    rows = [json.loads(line) for line in (tmp_path / "out" / "fates.jsonl").read_text().splitlines()]
    assert (
        len(rows) == 20
        and rows[1]["reason"] == "no tuple can be made of it: edits"
        and "undecodable" in rows[2]["reason"]
    )


@pytest.mark.parametrize("stop", [1, 37, 90, 119])
def test_a_killed_one_goes_on_at_its_last_whole_shard(world, tmp_path, monkeypatch, stop):
    stage = PairsStage(
        data=world, pairs=tuple(Family.find(name)() for name in ("edits", "story", "inpainting")), samples_per_shard=25
    )
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    metrics = stage.run(tmp_path / "a", Host(workers=1))
    calls, original = [], pairs._Maker.__call__
    monkeypatch.setattr(
        pairs._Maker, "__call__", lambda self, position: (calls.append(position), original(self, position))[1]
    )
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):

        def stopping(*args):
            if len(calls) > stop:
                raise KeyboardInterrupt

        patch.setattr(budget, "check", stopping)
        stage.run(tmp_path / "b", Host(workers=1))
    whole = len(list((tmp_path / "b" / "shards").glob("*.tar")))
    assert bool(whole) == (stop > 25)
    calls.clear()
    again = stage.run(tmp_path / "b", Host(workers=1))
    assert calls[0] == 0 if not whole else calls[0] > stop - 25 and len(calls) == 120 - calls[0]
    assert {name: again[name] for name in ("kept", "tasks", "facts")} == {
        name: metrics[name] for name in ("kept", "tasks", "facts")
    }
    assert sum(1 for _ in open(tmp_path / "b" / "fates.jsonl")) == 120
    for path in (path for path in (tmp_path / "a").rglob("*") if path.is_file() and path.name != ".journal.json"):
        assert (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes() == path.read_bytes()


def test_a_sample_that_breaks_half_way_gives_no_tuples(world, tmp_path, monkeypatch):
    def half(self):
        def make(view, draw):
            yield from Family.find("canny")().start()(view, draw)
            raise DataError("no more")

        return make

    monkeypatch.setattr(Family.find("inpainting"), "start", half)
    stage = PairsStage(data=world, pairs=(Family.find("inpainting")(),), bad_budget=1.0)
    with pytest.raises(DataError, match="no tuple could be made from 120 samples"):
        stage.run(tmp_path, Host(workers=1))
    assert {json.loads(line)["fate"] for line in open(tmp_path / "fates.jsonl")} == {"quarantined"}


def test_a_picture_that_is_too_large_as_png_costs_its_sample_only(world, tmp_path, monkeypatch):
    stage = PairsStage(data=world, pairs=(Family.find("low_resolution")(),), bad_budget=1.0)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    stage.run(tmp_path / "a", Host(workers=1))
    reader = ShardReader(tmp_path / "a")
    monkeypatch.setattr(shards, "MEMBER_BYTES", sorted(len(reader.read(place)["ref0.png"]) for place in range(120))[60])
    metrics = stage.run(tmp_path / "b", Host(workers=1))
    assert metrics["kept"] > 0 and metrics["quarantined"] > 0 and metrics["kept"] + metrics["quarantined"] == 120
    assert any("bytes as PNG, over" in line for line in open(tmp_path / "b" / "fates.jsonl"))


def test_wrong_options_are_reported():
    with pytest.raises(ConfigError, match="kinds: paint: there are recolour"):
        parse(PairsStage, {"data": "x/y", "pairs": [{"name": "edits", "kinds": ["paint"]}]})
    for name, options in {"canny": {"low": 0.5, "high": 0.1}, "inpainting": {"min_side": 0.7, "max_side": 0.2}}.items():
        with pytest.raises(ConfigError, match=f"{next(iter(options))}: "):
            parse(PairsStage, {"data": "x/y", "pairs": [{"name": name, **options}]})
