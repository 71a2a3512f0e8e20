"""data/retrieve: samples near a concept get its tag, every other sample has a fate, a killed run resumes, and mistakes
are reported.
"""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import toy_encoder
import toy_training as toy

from seedream_core.data.storage.shards import ShardReader
from seedream_core.errors import DataError, UserError
from seedream_core.records import Sample
from seedream_core.stages.data.retrieve import RetrieveStage, tagged
from seedream_core.stages.data.synthetic import SyntheticStage
from seedream_core.workflow import artifact, execute


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    execute.step(
        SyntheticStage(samples=120, size=(32, 32), samples_per_shard=50),
        folder / "crawl",
        toy.host(),
        say=lambda line: None,
    )
    return folder / "crawl", toy_encoder.make_encoder(folder / "encoder")


def queries(folder, *concepts):
    path = folder / "concepts.jsonl"
    path.write_text("\n".join(map(json.dumps, concepts)), encoding="utf-8")
    return path


def fates(folder):
    return [json.loads(line) for line in (folder / "fates.jsonl").read_text(encoding="utf-8").splitlines()]


def test_tags_what_is_near_and_tells_all_else(parts, tmp_path):
    data, encoder = parts
    keys = ShardReader(data).keys
    path = queries(
        tmp_path,
        {"concept": "one", "texts": ["a red circle", "红色圆形"], "examples": [keys[7]], "count": 9},
        {"concept": "two", "examples": [keys[7], keys[60]]},
    )
    stage = RetrieveStage(data=data, encoder=encoder, queries=path, count=5, samples_per_shard=4, duplicate_cosine=1.0)
    manifest = execute.step(stage, tmp_path / "out", toy.host(), say=lambda line: None)
    assert artifact.verify(tmp_path / "out") == [] and manifest.facts["width"] == 32
    reader = ShardReader(tmp_path / "out")
    samples = {key: Sample.from_json(reader.read(place)["json"]) for place, key in enumerate(reader.keys)}
    tags = {key: {tag for tag in sample.tags if tag.startswith("concept:")} for key, sample in samples.items()}
    assert tags[keys[7]] == {"concept:one", "concept:two"} and "concept:two" in tags[keys[60]]
    assert (
        sum("concept:one" in own for own in tags.values()) == 9
        and sum("concept:two" in own for own in tags.values()) == 5
    )
    assert samples[keys[7]].scores["retrieval"] == pytest.approx(1, abs=1e-3)
    rows = fates(tmp_path / "out")
    assert [(one["key"], one["name"]) for one in rows] == [
        (key, f"scene {place} of seed 0") for place, key in enumerate(keys)
    ]
    assert {one["key"] for one in rows if one["fate"] == "kept"} == set(tags)
    assert {one["reason"] for one in rows if one["fate"] == "dropped"} == {"not among the nearest of any concept"}
    assert manifest.metrics["kept"] == manifest.facts["samples"] == len(tags) and manifest.metrics["samples"] == 120
    assert manifest.metrics["concepts"]["one"]["taken"] == 9


def test_what_was_measured_of_the_samples_goes_with_them(parts, tmp_path, capsys):
    data, encoder = parts
    shutil.copytree(data, tmp_path / "data")
    (tmp_path / "data" / "features").mkdir()
    np.save(tmp_path / "data" / "features" / "embedding.npy", np.arange(240, dtype=np.float16).reshape(120, 2))
    stage = RetrieveStage(
        data=tmp_path / "data",
        encoder=encoder,
        queries=queries(tmp_path, {"concept": "x", "texts": ["a star"]}),
        count=11,
    )
    stage.run(tmp_path / "out", toy.host())
    rows, keys = np.load(tmp_path / "out" / "features" / "embedding.npy"), ShardReader(data).keys
    assert (
        rows[:, 0].tolist() == [2 * keys.index(key) for key in ShardReader(tmp_path / "out").keys] and len(rows) == 11
    )
    shard = tmp_path / "data" / "shards" / "00000.tar"
    shard.write_bytes(shard.read_bytes()[:-12000])
    replace(stage, bad_budget=1.0).run(tmp_path / "damaged", toy.host())
    assert (
        not (tmp_path / "damaged" / "features").exists()
        and "features is not copied, because some shards are damaged" in capsys.readouterr().err
    )


def test_a_run_cut_short_goes_on_to_the_same_bytes(parts, tmp_path, monkeypatch):
    data, encoder = parts
    stage = RetrieveStage(
        data=data,
        encoder=encoder,
        queries=queries(tmp_path, {"concept": "x", "texts": ["two blue stars"]}),
        count=20,
        samples_per_shard=6,
    )
    whole = stage.run(tmp_path / "whole", toy.host())
    from seedream_core.stages.data import retrieve

    written = iter(range(100))

    def breaks(members, concepts):
        if next(written) == 15:
            raise KeyboardInterrupt
        return tagged(members, concepts)

    monkeypatch.setattr(retrieve, "tagged", breaks)
    with pytest.raises(KeyboardInterrupt):
        stage.run(tmp_path / "cut", toy.host())
    monkeypatch.undo()
    assert stage.run(tmp_path / "cut", toy.host()) == whole
    names = sorted(path.name for path in (tmp_path / "whole" / "shards").iterdir())
    assert len(names) == 8
    assert all(
        (tmp_path / "whole" / "shards" / name).read_bytes() == (tmp_path / "cut" / "shards" / name).read_bytes()
        for name in names
    )
    assert fates(tmp_path / "whole") == fates(tmp_path / "cut")


def test_damage_is_quarantined(parts, tmp_path):
    _, encoder = parts
    SyntheticStage(samples=40, size=(32, 32), damage=0.9, seed=3, samples_per_shard=20).run(
        tmp_path / "crawl", toy.host()
    )
    shards = tmp_path / "crawl" / "shards"
    data = bytearray((shards / "00000.tar").read_bytes())
    data[600] ^= 1
    (shards / "00000.tar").write_bytes(data[:-12000])
    stage = RetrieveStage(
        data=tmp_path / "crawl", encoder=encoder, queries=queries(tmp_path, {"concept": "x", "texts": ["a star"]})
    )
    with pytest.raises(DataError, match="over the budget"):
        stage.run(tmp_path / "out", toy.host())
    found = replace(stage, bad_budget=1.0).run(tmp_path / "out", toy.host())
    rows = fates(tmp_path / "out")
    reasons = [one["reason"] for one in rows if one["fate"] == "quarantined"]
    assert found["quarantined"] == len(reasons) and found["samples"] == len(rows)
    assert all(
        one["name"].startswith("scene ") for one in rows if one["fate"] != "quarantined" or "picture:" in one["reason"]
    )
    for word in ("cut off", "CRC32", "picture:"):
        assert any(word in reason for reason in reasons), (word, reasons)


def test_mistakes(parts, tmp_path):
    data, encoder = parts
    stage = RetrieveStage(
        data=data, encoder=encoder, queries=queries(tmp_path, {"concept": "x", "examples": ["nobody"]})
    )
    with pytest.raises(UserError, match="no sample 'nobody'"):
        stage.run(tmp_path / "out", toy.host())
