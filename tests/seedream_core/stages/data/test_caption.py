"""Captions by truth and of strings: strata, what came with the sample, kills, and what cannot be captioned."""

import json

import pytest

from seedream_core.config import parse
from seedream_core.data.captioners import Captioner
from seedream_core.data.shards import ShardReader, ShardWriter
from seedream_core.errors import ConfigError, DataError
from seedream_core.host import Host
from seedream_core.records import Sample
from seedream_core.stages.data import caption
from seedream_core.stages.data.caption import Caption, Stratum
from seedream_core.stages.data.synthetic import Synthetic


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    Synthetic(samples=150, seed=3).run(folder, Host())
    reader = ShardReader(folder)
    with ShardWriter(folder / "in" / "shards", 200) as writer:
        for place, key in enumerate(reader.keys):
            members = reader.read(place)
            record = json.loads(members["json"]) | {"captions": {"en": {"short": "something red", "own": "mine"}}, "scores": {"aesthetic": place / 150}}
            if place % 2:
                record["boxes"] = [{"kind": "text", "box": [0, 0.5, 1, 0.6], "score": 0.9, "text": "大吉"}, {"kind": "text", "box": [0, 0, 1, 0.1], "score": 0.95, "text": "SALE"},
                                   {"kind": "text", "box": [0, 0.8, 1, 0.9], "score": 0.1, "text": "noise"}]
            writer.add(key, members | {"json": json.dumps(record).encode()})
    return folder / "in"


def records(folder) -> list[Sample]:
    reader = ShardReader(folder)
    return [Sample.from_json(reader.read(place)["json"]) for place in range(len(reader))]


def truth(**options) -> Captioner:
    return Captioner.find("truth")(**options)


def test_every_field_in_both_languages_and_the_old_one_stays_as_alt(world, tmp_path):
    stage = Caption(data=world, captioners=(truth(), Captioner.find("strings")()))
    metrics = stage.run(tmp_path, Host())
    found = records(tmp_path)
    assert metrics["kept"] == 150 == len(found) and metrics["captions_written_now"]["zh.layout"] == 150
    for place, sample in enumerate(found):
        english, chinese = sample.captions["en"], sample.captions["zh"]
        assert english["alt"] == "something red" and english["own"] == "mine" and english["short"] != "something red"
        assert {"short", "long", "artistic", "surreal", "aesthetics", "style", "layout"} <= english.keys() & chinese.keys()
        assert ("textual" in english) == bool(place % 2)
        if place % 2:
            assert english["textual"] == 'with the text "SALE", "大吉"' and chinese["textual"] == "图中写着“SALE”、“大吉”"


def test_better_strata_get_richer_captions(world, tmp_path):
    strata = (Stratum(least={"aesthetic": 0.8}, fields=("short", "long", "artistic")), Stratum(least={"aesthetic": 0.4}, fields=("short", "long")),
              Stratum(fields=("short",)))
    Caption(data=world, captioners=(truth(),), strata=strata, replace=True).run(tmp_path, Host())
    for sample in records(tmp_path):
        score = sample.scores["aesthetic"]
        expected = {"short", "long", "artistic"} if score >= 0.8 else {"short", "long"} if score >= 0.4 else {"short"}
        assert sample.captions["en"].keys() == expected == sample.captions["zh"].keys()


def test_a_killed_one_goes_on_to_the_same_bytes(world, tmp_path, monkeypatch):
    monkeypatch.setattr(caption, "CHUNK", 20)
    stage = Caption(data=world, captioners=(truth(fields=("short", "layout")),), samples_per_shard=40)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    stage.run(tmp_path / "a", Host())
    calls, original = [], Caption._captioned
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        def stopping(self, *args):
            calls.append(1)
            if len(calls) > 5:
                raise KeyboardInterrupt
            return original(self, *args)

        patch.setattr(Caption, "_captioned", stopping)
        stage.run(tmp_path / "b", Host())
    stage.run(tmp_path / "b", Host())
    for path in (tmp_path / "a").rglob("*"):
        if path.is_file():
            assert (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes() == path.read_bytes()


def test_what_cannot_be_captioned(world, tmp_path):
    reader = ShardReader(world)
    with ShardWriter(tmp_path / "in" / "shards") as writer:
        for place, key in enumerate(reader.keys[:20]):
            members = reader.read(place)
            writer.add(key, {"png": members["png"][:50], "json": members["json"]} if place == 4 else members)
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError, match="1 of 20 samples are unreadable, over the budget of 0.10%"):
        Caption(data=tmp_path / "in", captioners=(truth(),)).run(tmp_path / "out", Host())
    metrics = Caption(data=tmp_path / "in", captioners=(truth(),), bad_budget=0.1).run(tmp_path / "out", Host())
    assert (metrics["kept"], metrics["quarantined"]) == (19, 1)
    rows = [json.loads(line) for line in (tmp_path / "out" / "fates.jsonl").read_text().splitlines()]
    assert [row["fate"] for row in rows].index("quarantined") == 4 and "undecodable PNG" in rows[4]["reason"]


def test_wrong_options_are_told():
    with pytest.raises(ConfigError, match="truth knows short, brief"):
        parse(Caption, {"data": "x/y", "captioners": [{"name": "truth", "fields": ["shrt"]}]})
    with pytest.raises(ConfigError, match="list of at least 1"):
        parse(Caption, {"data": "x/y", "captioners": []})
