"""Captions by truth and of strings: strata, what came with the sample, kills, and what cannot be captioned."""

import dataclasses
import json

import numpy as np
import pytest

from seedream_core.data.captioning.captioners import Captioner
from seedream_core.data.curation import lazy_sample
from seedream_core.data.storage import rewrite
from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.errors import ConfigError, DataError, UserError
from seedream_core.records import Sample
from seedream_core.stages.data import caption
from seedream_core.stages.data.caption import CaptionStage, Stratum
from seedream_core.stages.data.synthetic import SyntheticStage
from seedream_core.workflow.config import parse
from seedream_core.workflow.host import Host


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    SyntheticStage(samples=150, seed=3).run(folder, Host())
    reader = ShardReader(folder)
    with ShardWriter(folder / "in" / "shards", 200) as writer:
        for place, key in enumerate(reader.keys):
            members = reader.read(place)
            record = json.loads(members["json"]) | {
                "captions": {"en": {"short": "something red", "own": "mine"}},
                "scores": {"aesthetic": place / 150},
            }
            if place % 2:
                record["boxes"] = [
                    {"kind": "text", "box": [0, 0.5, 1, 0.6], "score": 0.9, "text": "大吉"},
                    {"kind": "text", "box": [0, 0, 1, 0.1], "score": 0.95, "text": "SALE"},
                    {"kind": "text", "box": [0, 0.8, 1, 0.9], "score": 0.1, "text": "noise"},
                ]
            writer.add(key, members | {"json": json.dumps(record).encode()})
    return folder / "in"


def records(folder) -> list[Sample]:
    reader = ShardReader(folder)
    return [Sample.from_json(reader.read(place)["json"]) for place in range(len(reader))]


def truth(**options) -> Captioner:
    return Captioner.find("truth")(**options)


def test_every_field_in_both_languages_and_the_old_one_stays_as_alt(world, tmp_path):
    stage = CaptionStage(data=world, captioners=(truth(), Captioner.find("strings")()))
    metrics = stage.run(tmp_path, Host())
    found = records(tmp_path)
    assert metrics["kept"] == 150 == len(found) and metrics["captions_written_now"]["zh.layout"] == 150
    for place, sample in enumerate(found):
        english, chinese = sample.captions["en"], sample.captions["zh"]
        assert english["alt"] == "something red" and english["own"] == "mine" and english["short"] != "something red"
        assert {
            "short",
            "long",
            "artistic",
            "surreal",
            "aesthetics",
            "style",
            "layout",
        } <= english.keys() & chinese.keys()
        assert ("textual" in english) == bool(place % 2)
        if place % 2:
            assert (
                english["textual"] == 'with the text "SALE", "大吉"' and chinese["textual"] == "图中写着“SALE”、“大吉”"
            )


def test_better_strata_get_richer_captions(world, tmp_path):
    strata = (
        Stratum(min_scores={"aesthetic": 0.8}, fields=("short", "long", "artistic")),
        Stratum(min_scores={"aesthetic": 0.4}, fields=("short", "long")),
        Stratum(fields=("short",)),
    )
    CaptionStage(data=world, captioners=(truth(),), strata=strata, replace=True).run(tmp_path, Host())
    for sample in records(tmp_path):
        score = sample.scores["aesthetic"]
        expected = {"short", "long", "artistic"} if score >= 0.8 else {"short", "long"} if score >= 0.4 else {"short"}
        assert sample.captions["en"].keys() == expected == sample.captions["zh"].keys()


def test_no_caption_is_ever_lost():
    stage = CaptionStage(data="x/y", captioners=(truth(),))
    old = {"en": {"short": "own short", "long": "own long"}, "zh": {"long": "自己的"}, "fr": {"short": "le sien"}}
    new = {"en": {"short": "S", "long": "L"}, "zh": {"long": "长"}}
    once = stage._merged(old, new)
    assert once == {
        "en": {"short": "S", "long": "L", "alt": "own short", "alt_long": "own long"},
        "zh": {"long": "长", "alt_long": "自己的"},
        "fr": {"short": "le sien"},
    }
    assert stage._merged(once, new) == once
    twice = stage._merged(once, {"en": {"short": "T", "long": "L"}})
    assert twice["en"] == once["en"] | {"short": "T", "alt_2": "S"}
    assert stage._merged(twice, {"en": {"short": "S"}})["en"] == twice["en"] | {"short": "S", "alt_3": "T"}
    assert stage._merged(twice, {"en": {"short": "own short"}})["en"] == twice["en"] | {
        "short": "own short",
        "alt_3": "T",
    }


def test_replace_takes_nothing_where_nothing_is_written(world, tmp_path, capsys):
    strata = (
        Stratum(min_scores={"aesthetic": 0.8}, fields=("long",)),
        Stratum(min_scores={"aesthetik": 0.1}, fields=("short",)),
    )
    metrics = CaptionStage(data=world, captioners=(truth(),), strata=strata, replace=True).run(tmp_path, Host())
    found = records(tmp_path)
    for sample in found:
        good = sample.scores["aesthetic"] >= 0.8
        assert sample.captions.keys() == ({"en", "zh"} if good else {"en"})
        assert sample.captions["en"].keys() == ({"long"} if good else {"short", "own"})
    assert (metrics["captioned"], metrics["in_no_stratum"]) == (30, 120)
    printed = capsys.readouterr().err
    assert (
        "120 of 150 samples are in no stratum" in printed
        and "aesthetik, which no record has; the records' scores: aesthetic (150)" in printed
    )
    # a captioner that is silent about a sample takes none of its captions either
    (tmp_path / "text").mkdir()
    metrics = CaptionStage(data=world, captioners=(Captioner.find("strings")(),), replace=True).run(
        tmp_path / "text", Host()
    )
    for place, sample in enumerate(records(tmp_path / "text")):
        assert sample.captions["en"].keys() == ({"textual"} if place % 2 else {"short", "own"})
    assert (metrics["captioned"], metrics["in_no_stratum"]) == (75, 0) and "stratum" not in capsys.readouterr().err


@pytest.mark.parametrize("replace", [True, False])
def test_nothing_written_at_all_is_reported(world, tmp_path, replace):
    stage = CaptionStage(
        data=world,
        captioners=(truth(),),
        strata=(Stratum(min_scores={"aestetic": 0.5}, fields=("long",)),),
        replace=replace,
    )
    for _ in "twice":  # the second goes on where the first ended
        with pytest.raises(
            UserError, match=r"150 of 150 samples are in no stratum\. .* aestetic; the records have aesthetic \(150\)"
        ):
            stage.run(tmp_path, Host())
    reader = ShardReader(world)
    with ShardWriter(tmp_path / "in" / "shards") as writer:
        writer.add(reader.keys[0], reader.read(0))
        writer.add(reader.keys[140], reader.read(140))
    silent = CaptionStage(data=tmp_path / "in", captioners=(Captioner.find("strings")(),), replace=replace)
    with pytest.raises(UserError, match="not one caption was written: strings wrote nothing for 2 of 2 samples\n"):
        silent.run(tmp_path, Host())
    some = dataclasses.replace(silent, strata=(Stratum(min_scores={"aesthetic": 0.5}, fields=("textual",)),))
    with pytest.raises(
        UserError,
        match="1 of 2 samples are in no stratum, and strings wrote nothing for 1 of 2 samples. The strata need",
    ):
        some.run(tmp_path, Host())


def test_scores_from_outside_do_not_swell_the_journal(world, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(caption, "CHUNK", 4)
    reader = ShardReader(world)
    with ShardWriter(tmp_path / "in" / "shards") as writer:
        for place, key in enumerate(reader.keys[:12]):
            members = reader.read(place)
            scores = (
                {"x" * 300: 1.0} | {f"score{place}of{number}": 0.5 for number in range(200)} | {"aesthetic": place / 12}
            )
            writer.add(key, members | {"json": json.dumps(json.loads(members["json"]) | {"scores": scores}).encode()})
    stage = CaptionStage(
        data=tmp_path / "in",
        captioners=(truth(),),
        strata=(Stratum(min_scores={"aesthetic": 0.5, "beauty": 0.1}, fields=("long",)), Stratum(fields=("short",))),
    )
    stage.run(tmp_path / "out", Host())
    counted = json.loads((tmp_path / "out" / ".journal.json").read_bytes())["changes"]
    assert (
        counted["score aesthetic"] == 12 == counted["captioned"]
        and len(counted) == caption.OTHERS + 2
        and not any("xx" in name for name in counted)
    )
    assert (
        "beauty, which no record has; the records' scores: aesthetic (12), score0of0 (1)"
        in (printed := capsys.readouterr().err)
        and printed.count("score0of") == 20
    )
    assert ", …\n" in printed


def test_nobody_is_asked_about_samples_of_no_stratum(world, tmp_path, monkeypatch):
    asked, original = [], truth().start(Host())
    monkeypatch.setattr(
        Captioner.find("truth"), "start", lambda self, host: lambda views: (asked.extend(views), original(views))[1]
    )
    CaptionStage(
        data=world, captioners=(truth(),), strata=(Stratum(min_scores={"aesthetic": 0.8}, fields=("long",)),)
    ).run(tmp_path, Host())
    assert len(asked) == 30


def test_features_go_with_the_samples_that_stay(world, tmp_path):
    reader = ShardReader(world)
    with ShardWriter(tmp_path / "in" / "shards") as writer:
        for place, key in enumerate(reader.keys[:20]):
            members = reader.read(place)
            writer.add(key, {"png": members["png"][:50], "json": members["json"]} if place == 4 else members)
    (tmp_path / "in" / "features").mkdir()
    np.save(tmp_path / "in" / "features" / "appearance.npy", np.arange(40, dtype=np.float16).reshape(20, 2))
    (tmp_path / "out").mkdir()
    CaptionStage(data=tmp_path / "in", captioners=(truth(),), bad_budget=0.1).run(tmp_path / "out", Host())
    assert rewrite.features(tmp_path / "out", "appearance", 19)[:, 0].tolist() == [
        2.0 * place for place in range(20) if place != 4
    ]


def test_a_killed_one_goes_on_to_the_same_bytes(world, tmp_path, monkeypatch):
    monkeypatch.setattr(caption, "CHUNK", 20)
    stage = CaptionStage(data=world, captioners=(truth(fields=("short", "layout")),), samples_per_shard=40)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    stage.run(tmp_path / "a", Host())
    calls, original = [], CaptionStage._captioned
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):

        def stopping(self, *args):
            calls.append(1)
            if len(calls) > 5:
                raise KeyboardInterrupt
            return original(self, *args)

        patch.setattr(CaptionStage, "_captioned", stopping)
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
        CaptionStage(data=tmp_path / "in", captioners=(truth(),)).run(tmp_path / "out", Host())
    metrics = CaptionStage(data=tmp_path / "in", captioners=(truth(),), bad_budget=0.1).run(tmp_path / "out", Host())
    assert (metrics["kept"], metrics["quarantined"]) == (19, 1)
    rows = [json.loads(line) for line in (tmp_path / "out" / "fates.jsonl").read_text().splitlines()]
    assert [row["fate"] for row in rows].index("quarantined") == 4 and "undecodable PNG" in rows[4]["reason"]


def test_a_damaged_sample_is_one_of_those_that_the_budget_bears(world, tmp_path):
    reader = ShardReader(world)
    with ShardWriter(tmp_path / "in" / "shards") as writer:
        for place, key in enumerate(reader.keys[:20]):
            writer.add(key, reader.read(place))
    shard = tmp_path / "in" / "shards" / "00000.tar"
    data = bytearray(shard.read_bytes())
    data[540] ^= 1
    shard.write_bytes(data)
    for name in ("out", "none"):
        (tmp_path / name).mkdir()
    metrics = CaptionStage(data=tmp_path / "in", captioners=(truth(),), bad_budget=0.1).run(tmp_path / "out", Host())
    row = json.loads(open(tmp_path / "out" / "fates.jsonl").readline())
    assert metrics["kept"] == 19 and row["fate"] == "quarantined" and "fails its CRC32" in row["reason"]


def test_it_stops_where_nothing_is_left(world, tmp_path):
    reader = ShardReader(world)
    with ShardWriter(tmp_path / "in" / "shards") as writer:
        writer.add(reader.keys[0], {"png": b"none", "json": reader.read(0)["json"]})
    with pytest.raises(DataError, match="none of 1 samples could be captioned"):
        CaptionStage(data=tmp_path / "in", captioners=(truth(),), bad_budget=1.0).run(tmp_path, Host())


def test_no_more_pixels_are_held_than_memory_should(world, tmp_path, monkeypatch):
    held, most, original = [], [], truth().start(Host())
    monkeypatch.setattr(lazy_sample, "PIXELS", 5 * 64 * 64)

    def start(self, host):
        def caption(views):
            held.extend(views)
            most.append(sum("pixels" in vars(one) for one in held))
            return original(views)

        return caption

    monkeypatch.setattr(Captioner.find("truth"), "start", start)
    CaptionStage(data=world, captioners=(truth(),)).run(tmp_path, Host())
    assert max(most) == 5 and len(held) == 150


def test_wrong_options_are_reported():
    with pytest.raises(ConfigError, match="truth knows short, brief"):
        parse(CaptionStage, {"data": "x/y", "captioners": [{"name": "truth", "fields": ["shrt"]}]})
    with pytest.raises(ConfigError, match="list of at least 1"):
        parse(CaptionStage, {"data": "x/y", "captioners": []})
    with pytest.raises(ConfigError, match="strata: shrt: no captioner here writes that; they write short"):
        parse(
            CaptionStage,
            {
                "data": "x/y",
                "captioners": [{"name": "truth", "fields": ["short"]}],
                "strata": [{"fields": ["shrt", "short"]}],
            },
        )
