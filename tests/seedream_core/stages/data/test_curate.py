"""The funnel on a spoiled crawl: what the world spoilt is what is caught, nothing clean is lost, all has a fate."""

import json
import shlex
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from seedream_core.data.curation.filters import Filter
from seedream_core.data.pairs import Pairs as Family
from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.errors import DataError, Interrupted, UserError
from seedream_core.records import Sample
from seedream_core.stages.data import curate
from seedream_core.stages.data.curate import CurateStage
from seedream_core.stages.data.pairs import PairsStage
from seedream_core.stages.data.synthetic import SyntheticStage
from seedream_core.workflow import artifact, execute
from seedream_core.workflow.config import load_yaml, parse
from seedream_core.workflow.host import Host

FILTERS = tuple(Filter.find(name)() for name in ("size", "caption", "uniform", "blurred"))
CAUSES = {
    "duplicate": "exact",
    "uniform": "uniform",
    "blurred": "blurred",
    "captionless": "caption",
    "undecodable": "unreadable picture",
}


@pytest.fixture(scope="module")
def crawl(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crawl")
    SyntheticStage(samples=500, damage=0.3, samples_per_shard=250).run(folder, Host())
    return folder


def fates(out) -> list[dict]:
    return [json.loads(line) for line in (out / "fates.jsonl").read_text(encoding="utf-8").splitlines()]


def records(folder) -> list[Sample]:
    reader = ShardReader(folder)
    return [Sample.from_json(reader.read(i)["json"]) for i in range(len(reader))]


def copy(source, target, count):
    reader = ShardReader(source)
    with ShardWriter(target / "shards", 250) as writer:
        for index, key in enumerate(reader.keys[:count]):
            writer.add(key, reader.read(index))


def test_everything_spoilt_is_caught_and_nothing_else(tmp_path, crawl, capsys):
    metrics = CurateStage(data=crawl, filters=FILTERS, bad_budget=0.1).run(tmp_path, Host())
    truth = {sample.key: sample.truth["damage"] for sample in records(crawl)}
    found = {fate["key"]: fate for fate in fates(tmp_path)}
    assert len(fates(tmp_path)) == len(found) == 500
    for key, damage in truth.items():
        fate = found[key]
        expected = "kept" if damage is None else "quarantined" if damage == "undecodable" else "dropped"
        assert fate["fate"] == expected and fate["stage"] == "data/curate" and fate["source"].endswith(".tar"), fate
        if damage and damage != "undecodable":
            assert fate["reason"].startswith(CAUSES[damage]) and len(fate["reason"]) > len(CAUSES[damage]) + 2
    counted = Counter(CAUSES[damage] for damage in truth.values() if damage)
    assert metrics["causes"] == dict(counted) and set(counted) == set(CAUSES.values())
    assert metrics["facts"] == {"samples": metrics["kept"], "width": 64, "height": 64}
    assert metrics["kept"] == sum(damage is None for damage in truth.values())
    assert "blurred" in (table := capsys.readouterr().err) and "quarantined" in table


def test_kept_samples_keep_their_bytes_and_gain_scores(tmp_path, crawl):
    CurateStage(data=crawl, filters=FILTERS, bad_budget=0.1).run(tmp_path, Host())
    before, after = ShardReader(crawl), ShardReader(tmp_path)
    places = {key: index for index, key in enumerate(before.keys)}
    assert after.keys == sorted(after.keys) and not after.damage
    for index, key in enumerate(after.keys[:50]):
        old, new = before.read(places[key]), after.read(index)
        a, b = Sample.from_json(old["json"]), Sample.from_json(new["json"])
        assert new["png"] == old["png"] and b.captions == a.captions and b.truth == a.truth
        assert set(b.scores) == {*a.scores, "sharpness", "noise", "uniform"} and b.scores["sharpness"] >= 0.5


def test_a_second_run_over_its_own_rest_gives_the_same_bytes(tmp_path, crawl):
    copy(crawl, tmp_path / "in", 100)
    stage = CurateStage(data=tmp_path / "in", filters=FILTERS, bad_budget=0.1, samples_per_shard=30)
    (tmp_path / "a").mkdir()
    stage.run(tmp_path / "a", Host())
    (tmp_path / "b" / "shards").mkdir(parents=True)
    for name in ("00009.tar", "00009.index.json", ".00001.tar.tmp"):
        (tmp_path / "b" / "shards" / name).write_text("rest")
    (tmp_path / "b" / "fates.jsonl").write_text("rest")
    for _ in range(2):
        stage.run(tmp_path / "b", Host())
        for path in (p for p in (tmp_path / "a").rglob("*") if p.is_file()):
            assert (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes() == path.read_bytes()
        assert len(list((tmp_path / "b").rglob("*"))) == len(list((tmp_path / "a").rglob("*")))


def test_unreadable_samples_and_the_budget(tmp_path, crawl):
    reader = ShardReader(crawl)
    clean = [s.key for s in records(crawl) if s.truth["damage"] is None][:100]
    with ShardWriter(tmp_path / "in" / "shards", 50) as writer:
        for key in clean:
            writer.add(key, reader.read(reader.keys.index(key)))
        good = reader.read(reader.keys.index(clean[0]))
        record = Sample.from_json(good["json"])
        other = json.loads(good["json"]) | {"key": "bad-size", "width": 32}

        def raw(key, **changes) -> bytes:
            return json.dumps(json.loads(good["json"]) | {"key": key, **changes}).encode()

        for key, members in {
            "bad-picture": {"png": good["png"][:-40]},
            "bad-fake": {"png": b"GIF89a" + good["png"]},
            "bad-none": {},
            "bad-json": {"png": good["png"], "json": b'{"key":'},
            "bad-utf8": {"png": good["png"], "json": good["json"].replace(b"short", b"sh\xffrt")},
            "bad-nojson": {"png": good["png"], "json": None},
            "bad-other": good,
            "bad-size": {"png": good["png"], "json": json.dumps(other).encode()},
            "bad-weight": {"png": good["png"], "json": raw("bad-weight", weight=10**400)},
            "bad-truth": {
                "png": good["png"],
                "json": raw("bad-truth", truth=0).replace(b'"truth": 0', b'"truth": 1e999'),
            },
            "bad-tag": {"png": good["png"], "json": raw("bad-tag", tags=["\ud800"])},
        }.items():
            mine = json.loads(good["json"]) | {"key": key}
            full = {"json": json.dumps(mine).encode()} | members
            writer.add(key, {name: data for name, data in full.items() if data is not None})
    bad = 11
    shard = tmp_path / "in" / "shards" / "00000.tar"
    data = bytearray(shard.read_bytes())
    data[700] ^= 4
    shard.write_bytes(data)
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError) as stopped:
        CurateStage(data=tmp_path / "in", filters=(), bad_budget=0.05).run(tmp_path / "out", Host())
    message = str(stopped.value)
    assert "12 of 111 samples (10.81%)" in message and "budget of 5.00%" in message and "00002.tar (11)" in message
    assert "fates.jsonl" in message and "bad_budget: 0.109" in message
    assert record.key == clean[0]
    reasons = {fate["key"]: fate["reason"] for fate in fates(tmp_path / "out") if fate["fate"] == "quarantined"}
    assert reasons.keys() == {
        clean[0],
        "bad-picture",
        "bad-fake",
        "bad-none",
        "bad-json",
        "bad-utf8",
        "bad-nojson",
        "bad-other",
        "bad-size",
        "bad-weight",
        "bad-truth",
        "bad-tag",
    }
    for key, words in {
        clean[0]: "CRC32",
        "bad-picture": "undecodable",
        "bad-json": "not json",
        "bad-utf8": "UTF-8",
        "bad-nojson": "no json",
        "bad-other": "belongs to",
        "bad-size": "record says 32×64",
        "bad-none": "no picture",
        "bad-weight": "weight",
        "bad-truth": "cannot be written",
        "bad-tag": "cannot be written",
    }.items():
        assert words in reasons[key], reasons[key]
    metrics = CurateStage(data=tmp_path / "in", filters=(), bad_budget=0.109).run(tmp_path / "out", Host())
    assert (metrics["kept"], metrics["quarantined"]) == (99, bad + 1)


def test_a_cut_shard_is_quarantined_with_its_place(tmp_path, crawl):
    copy(crawl, tmp_path / "in", 40)
    shard = tmp_path / "in" / "shards" / "00000.tar"
    shard.write_bytes(shard.read_bytes()[:60_000])
    out = tmp_path / "out"
    out.mkdir()
    metrics = CurateStage(data=tmp_path / "in", filters=(), bad_budget=1.0).run(out, Host())
    lines = fates(out)
    lost = [line for line in lines if line["reason"].startswith("shard: byte")]
    assert {line["key"] for line in lines} >= set(ShardReader(crawl).keys[:40])
    assert len(lost) > 2 and all(line["fate"] == "quarantined" and line["source"] == "00000.tar" for line in lost)
    assert metrics["quarantined"] >= len(lost) and metrics["kept"] > 0


def test_nothing_left(tmp_path, crawl):
    with pytest.raises(DataError, match="nothing is left"):
        CurateStage(data=crawl, filters=(Filter.find("size")(width=128),), bad_budget=0.1).run(tmp_path, Host())


def test_tuples_of_one_picture_are_no_duplicates(tmp_path):
    """Nor is a picture one of the tuple that it is the target of; a tuple that is there twice is."""
    for name in ("world", "pairs", "in", "out"):
        (tmp_path / name).mkdir()
    SyntheticStage(samples=30, seed=6).run(tmp_path / "world", Host())
    PairsStage(
        data=tmp_path / "world", pairs=tuple(Family.find(name)() for name in ("canny", "inpainting", "low_resolution"))
    ).run(tmp_path / "pairs", Host(workers=1))
    with ShardWriter(tmp_path / "in" / "shards") as writer:
        for folder, prefix in (("pairs", ""), ("world", ""), ("pairs", "twice"), ("world", "twice")):
            reader = ShardReader(tmp_path / folder)
            for _place, key in enumerate(reader.keys[:60:20] if prefix else reader.keys):
                members = reader.read(reader.keys.index(key))
                writer.add(
                    prefix + key,
                    members | {"json": replace(Sample.from_json(members["json"]), key=prefix + key).to_json()},
                )
    whole = len(ShardReader(tmp_path / "world")) + len(ShardReader(tmp_path / "pairs"))
    metrics = CurateStage(data=tmp_path / "in", filters=(Filter.find("size")(),)).run(tmp_path / "out", Host(workers=1))
    dropped = [fate for fate in fates(tmp_path / "out") if fate["fate"] == "dropped"]
    assert metrics["samples"] == whole + 3 + 2 > 100 and metrics["causes"] == {"exact": 5}
    assert all(fate["reason"] == f"exact: the same pixels as {fate['key'].removeprefix('twice')}" for fate in dropped)
    assert len(np.load(tmp_path / "out" / "features" / "signature.npy")) == metrics["kept"]
    with pytest.raises(DataError, match="are tuples: curate them without width and height"):
        CurateStage(data=tmp_path / "pairs", width=32, height=32, bad_budget=1).run(tmp_path, Host(workers=1))


def test_facts_pass_through():
    facts = {"samples": 9, "width": 64, "height": 32}
    assert CurateStage(data="x").facts({"data": facts}) == facts


@pytest.mark.parametrize("when", ["judging", "writing"])
def test_killed_it_goes_on_to_the_same_bytes(tmp_path, crawl, monkeypatch, when):
    from seedream_core.data.storage import pass_results, shards

    monkeypatch.setattr(pass_results, "EVERY", 40)
    stage = CurateStage(data=crawl, filters=FILTERS, bad_budget=0.1, samples_per_shard=60)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    stage.run(tmp_path / "a", Host(workers=1))
    calls = Counter()
    with monkeypatch.context() as patch:

        def after(limit, original, what):
            def call(*args, **options):
                calls[what] += 1
                if calls[what] > limit:
                    raise KeyboardInterrupt
                return original(*args, **options)

            return call

        target = (pass_results.PassResults, "add", 222) if when == "judging" else (shards.ShardWriter, "add", 130)
        patch.setattr(target[0], target[1], after(target[2], getattr(target[0], target[1]), when))
        with pytest.raises(KeyboardInterrupt):
            stage.run(tmp_path / "b", Host(workers=1))
    assert (tmp_path / "b" / artifact.SCRATCH / "state.json").is_file()
    original, again = pass_results.PassResults.add, Counter()
    monkeypatch.setattr(pass_results.PassResults, "add", lambda *args: (again.update(["add"]), original(*args))[1])
    stage.run(tmp_path / "b", Host(workers=1))
    assert again["add"] == (300 if when == "judging" else 0)
    for path in (p for p in (tmp_path / "a").rglob("*") if p.is_file()):
        assert (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes() == path.read_bytes()
    assert len(list((tmp_path / "b").rglob("*"))) == len(list((tmp_path / "a").rglob("*")))


@pytest.mark.parametrize("when", ["_compare", "_tell", "_check", "_write"])
def test_killed_between_its_passes_it_goes_on_to_the_same_bytes(tmp_path, crawl, monkeypatch, when):
    stage = CurateStage(data=crawl, filters=FILTERS, bad_budget=0.1, samples_per_shard=60)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    stage.run(tmp_path / "a", Host(workers=1))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        original = getattr(CurateStage, when)

        def stop(*arguments):
            original(*arguments)
            raise KeyboardInterrupt

        patch.setattr(CurateStage, when, stop)
        stage.run(tmp_path / "b", Host(workers=1))
    stage.run(tmp_path / "b", Host(workers=1))
    assert sorted(path.relative_to(tmp_path / "b") for path in (tmp_path / "b").rglob("*")) == sorted(
        path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*")
    )
    for path in (path for path in (tmp_path / "a").rglob("*") if path.is_file()):
        assert (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes() == path.read_bytes()


def test_killed_before_its_manifest_it_judges_and_writes_nothing_again(tmp_path, monkeypatch):
    from seedream_core.data.storage import pass_results

    execute.step(SyntheticStage(samples=100, seed=3, damage=0.2), tmp_path / "world", Host())
    stage = CurateStage(data=tmp_path / "world", filters=FILTERS, bad_budget=0.1, samples_per_shard=60)
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(artifact, "finish", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        execute.step(stage, tmp_path / "out", Host(workers=1))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "shards").iterdir()}
    monkeypatch.setattr(pass_results.PassResults, "add", None)
    assert execute.step(stage, tmp_path / "out", Host(workers=1)).metrics["samples"] == 100
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "shards").iterdir()}
    assert not (tmp_path / "out" / artifact.SCRATCH).exists()


def test_nothing_left_tells_which_filter_to_leave_out(tmp_path):
    SyntheticStage(samples=20, seed=3).run(tmp_path, Host())
    with ShardWriter(tmp_path / "bare") as writer:
        reader = ShardReader(tmp_path)
        for place, key in enumerate(reader.keys):
            members = reader.read(place)
            writer.add(key, members | {"json": replace(Sample.from_json(members["json"]), captions={}).to_json()})
    with pytest.raises(DataError) as caught:
        CurateStage(data=tmp_path / "bare").run(tmp_path, Host(workers=1))
    assert (
        "20 of 20 were dropped by 'caption'" in caught.value.fix
        and "--set 'filters=[size, uniform," in caught.value.fix
        and "caption," not in caught.value.fix
    )
    CurateStage(
        data=tmp_path / "bare", filters=tuple(Filter.find(name)() for name in curate.FILTERS if name != "caption")
    ).run(tmp_path, Host(workers=1))


def test_the_advice_keeps_the_options_that_were_given_and_parses(tmp_path):
    def advice(causes: dict, **options) -> str:
        return CurateStage(data=tmp_path, **options)._advice(Counter(causes), 9)

    kept = (
        Filter.find("words")(file="it's no list.txt"),
        Filter.find("score")(score="sharpness", max_value=0.5),
        Filter.find("noisy")(),
    )
    fix = advice({"size": 6, "noisy": 3}, filters=(*kept, Filter.find("size")(width=5000)))
    assert fix.startswith(
        "6 of 9 were dropped by 'size': repair the data, loosen the filter, or leave it out with --set "
    )
    option, _, given = shlex.split(fix.partition("--set ")[2])[0].partition("=")
    (tmp_path / "given.yaml").write_text(f"data: here\n{option}: {given}\n")
    assert parse(CurateStage, load_yaml(tmp_path / "given.yaml").tree).filters == kept
    assert given == "[{name: words, file: it's no list.txt}, {name: score, score: sharpness, max_value: 0.5}, noisy]"
    assert advice({"size": 9}, filters=(Filter.find("size")(width=5000),)).endswith(
        "leave it out with --set 'filters=[]'"
    )
    assert advice({"unreadable picture": 9}) == "9 of 9 are quarantined (unreadable picture): repair them"
    assert advice({}) == "give shards that contain samples"


def test_another_input_in_between_begins_anew(tmp_path, crawl, monkeypatch):
    copy(crawl, tmp_path / "small", 120)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    CurateStage(data=crawl, filters=FILTERS, bad_budget=0.1, samples_per_shard=60).run(tmp_path / "a", Host(workers=1))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        added, original = [], ShardWriter.add

        def stopping(self, *arguments):
            added.append(1)
            if len(added) > 70:
                raise KeyboardInterrupt
            original(self, *arguments)

        patch.setattr(ShardWriter, "add", stopping)
        CurateStage(data=tmp_path / "small", filters=FILTERS, bad_budget=0.1, samples_per_shard=60).run(
            tmp_path / "b", Host(workers=1)
        )
    CurateStage(data=crawl, filters=FILTERS, bad_budget=0.1, samples_per_shard=60).run(tmp_path / "b", Host(workers=1))
    for path in (path for path in (tmp_path / "a").rglob("*") if path.is_file()):
        assert (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes() == path.read_bytes()


def test_the_same_bytes_on_any_number_of_processes(tmp_path, monkeypatch):
    from seedream_core.data.storage import ordered

    monkeypatch.setattr(ordered, "FEW", 2)
    SyntheticStage(samples=300, damage=0.3, seed=4).run(tmp_path / "in", Host())
    for workers in (1, 2):
        (tmp_path / str(workers)).mkdir()
        CurateStage(data=tmp_path / "in", filters=FILTERS, bad_budget=0.1).run(
            tmp_path / str(workers), Host(workers=workers)
        )
    files = [path for path in (tmp_path / "1").rglob("*") if path.is_file()]
    assert any(path.name == "digest.npy" for path in files)
    for path in files:
        assert (tmp_path / "2" / path.relative_to(tmp_path / "1")).read_bytes() == path.read_bytes()


def test_scorers_look_with_heads_that_were_learnt(tmp_path):
    from seedream_core.stages.data.label import LabelStage

    for name in ("in", "heads", "out"):
        (tmp_path / name).mkdir()
    SyntheticStage(samples=300, damage=0.4, seed=12).run(tmp_path / "in", Host())
    CurateStage(data=tmp_path / "in", filters=(), dedup=(), bad_budget=0.1).run(tmp_path / "out", Host())
    LabelStage(data=tmp_path / "out", task="defect", truth="truth.damage").run(tmp_path / "heads", Host())
    (tmp_path / "judged").mkdir()
    judged = CurateStage(
        data=tmp_path / "out",
        heads=tmp_path / "heads",
        filters=(Filter.find("score")(score="defect", max_value=0.5),),
        dedup=(),
    )
    metrics = judged.run(tmp_path / "judged", Host())
    damage = {sample.key: sample.truth["damage"] for sample in records(tmp_path / "out")}
    left = Counter(bool(damage[sample.key]) for sample in records(tmp_path / "judged"))
    assert (
        metrics["causes"].keys() == {"score"}
        and left[True] < 0.3 * sum(map(bool, damage.values()))
        and left[False] > 0.9 * sum(not one for one in damage.values())
    )
    with pytest.raises(UserError, match="heads"):
        (tmp_path / "none").mkdir()
        replace(judged, heads=None).run(tmp_path / "none", Host())


def test_judged_as_it_came_and_written_at_one_size(tmp_path, crawl):
    options = {"data": crawl, "filters": FILTERS, "bad_budget": 0.1, "samples_per_shard": 100}
    for name, size, workers in (
        ("whole", {}, 1),
        ("small", {"width": 32, "height": 32}, 1),
        ("two", {"width": 32, "height": 32}, 2),
    ):
        (tmp_path / name).mkdir()
        metrics = CurateStage(**options, **size).run(tmp_path / name, Host(workers=workers))
    assert fates(tmp_path / "small") == fates(tmp_path / "whole") and (
        metrics["facts"]["width"],
        metrics["facts"]["height"],
    ) == (32, 32)
    for path in (tmp_path / "small" / "shards").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / "shards" / path.name).read_bytes()
    for small, whole in zip(records(tmp_path / "small"), records(tmp_path / "whole"), strict=True):
        assert small == replace(whole, width=32, height=32)
    with pytest.raises(ValueError, match="give both"):
        CurateStage(data=crawl, width=32)
    large = Filter.find("size")
    for filters, advice in (
        ((large(),), "choose a smaller"),
        ((large(width=64),), "choose a smaller"),
        ((large(width=65),), "repair the data, loosen the filter"),
        ((large(height=65),), "repair the data, loosen the filter"),
    ):
        with pytest.raises(DataError, match=f"were dropped by 'size': {advice}"):
            CurateStage(
                data=crawl, width=128 if "smaller" in advice else 64, height=64, filters=filters, bad_budget=0.1
            ).run(tmp_path, Host())


def test_a_sample_that_cannot_be_brought_to_the_size_is_quarantined(tmp_path, crawl):
    reader = ShardReader(crawl)
    with ShardWriter(tmp_path / "in") as writer:
        for place, key in enumerate(reader.keys[:12]):
            members = reader.read(place)
            sample = Sample.from_json(members["json"])
            if place == 3:
                members |= {"json": replace(sample, boxes=({"kind": "text", "box": "everywhere"},)).to_json()}
            if place == 4:
                members |= {"ref0.jfif": members["png"]}
            writer.add(key, members)
    stage = CurateStage(data=tmp_path / "in", filters=(), dedup=(), bad_budget=1, width=16, height=16)
    assert stage.run(tmp_path, Host(workers=1))["quarantined"] >= 2
    reasons = {fate["key"]: fate["reason"] for fate in fates(tmp_path)}
    assert reasons[reader.keys[3]].startswith("record: ") and "not four shares" in reasons[reader.keys[3]]
    assert stage.facts({"data": {"samples": 12, "width": 64, "height": 64}}) == {
        "samples": 12,
        "width": 16,
        "height": 16,
    }
    assert reasons[reader.keys[4]].startswith("tuple: ref0.jfif would not be scaled")
    with pytest.raises(
        DataError,
        match="curate the 1 tuples without width and height, in another --out; else repair the shards, or accept",
    ):
        replace(stage, bad_budget=0.01).run(tmp_path, Host(workers=1))
    with pytest.raises(ValueError, match="retry: no result can be reused"):
        replace(stage, retry=tmp_path)


def test_a_record_too_large_for_what_was_found_is_quarantined(tmp_path, crawl):
    reader = ShardReader(crawl)
    with ShardWriter(tmp_path / "in") as writer:
        for place, key in enumerate(reader.keys[:3]):
            sample = Sample.from_json(reader.read(place)["json"])
            sample = (
                replace(sample, name="n" * (65_536 - 15 - len(sample.to_json()) + len(sample.name)))
                if place == 1
                else sample
            )
            writer.add(key, reader.read(place) | {"json": sample.to_json()})
    CurateStage(data=tmp_path / "in", filters=(Filter.find("noisy")(),), dedup=(), bad_budget=1).run(
        tmp_path, Host(workers=1)
    )
    assert [fate["reason"][:17] for fate in fates(tmp_path) if fate["fate"] == "quarantined"] == ["record: too large"]
