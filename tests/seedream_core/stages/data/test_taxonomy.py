"""The taxonomy stage: tags, pools and weights in the records, a coverage report, the same samples; fates for all."""

import json

import numpy as np
import pytest

from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.errors import DataError, UserError
from seedream_core.records import Sample
from seedream_core.stages.data.taxonomy import TaxonomyStage
from seedream_core.workflow import execute
from seedream_core.workflow.config import ConfigError, parse
from seedream_core.workflow.host import Host

TREE = """
nodes:
  folk:
    nodes:
      paper_cutting: {zh: [剪纸], target: 10}
      kite: {en: [kite], zh: [风筝], examples: [s0, s1, s2]}
  food: {en: [noodle]}
"""
CAPTIONS = {
    "kite": {"en": {"short": "two kites"}},
    "cut": {"zh": {"short": "一幅红色剪纸"}},
    "car": {"en": {"short": "a yellow car"}},
}


def what(i: int) -> str:
    return "kite" if i < 6 else "cut" if i < 8 else "car"


@pytest.fixture
def shards(tmp_path):
    folder = tmp_path / "data"
    with ShardWriter(folder / "shards", 16) as writer:
        for i in range(60):
            # three kites whose captions say nothing of it
            captions = {"en": {"short": "a holiday"}} if 3 <= i < 6 else CAPTIONS[what(i)]
            record = Sample(
                key=f"s{i}",
                width=8,
                height=8,
                captions=captions,
                source="web" if i < 50 else "books",
                tags=("old", "pool:targeted"),
                scores={"clarity": i / 60},
            )
            writer.add(f"s{i}", {"png": b"%d" % i, "json": record.to_json()})
    (folder / "features").mkdir()
    random = np.random.default_rng(0)
    looks = (
        0.05 * random.standard_normal((60, 8)) + np.eye(8)[[0 if what(i) == "kite" else 1 + i % 7 for i in range(60)]]
    )
    np.save(folder / "features" / "appearance.npy", looks.astype(np.float32))
    (tmp_path / "tree.yaml").write_text(TREE, encoding="utf-8")
    return folder


def samples(folder) -> list[Sample]:
    reader = ShardReader(folder)
    return [Sample.from_json(reader.read(index)["json"]) for index in range(len(reader))]


def run(shards, out, **options):
    return TaxonomyStage(
        data=shards,
        taxonomy=shards.parent / "tree.yaml",
        features="appearance",
        samples_per_shard=25,
        target=8,
        **options,
    ).run(out, Host())


def test_tags_pools_weights_and_coverage(shards, tmp_path, capsys):
    metrics = run(
        shards,
        tmp_path / "out",
        high_quality={"clarity": 0.9},
        weak_words=("黄色", "yellow car"),
        mix={"maintenance": 0.4, "high_quality": 0.2, "knowledge": 0.3, "targeted": 0.1},
    )
    found = samples(tmp_path / "out")
    assert found[4].tags == ("old", "node:folk/kite", "pool:maintenance", "pool:knowledge")  # by its look alone
    assert found[7].tags == ("old", "node:folk/paper_cutting", "pool:maintenance", "pool:knowledge")
    assert found[20].tags == ("old", "pool:maintenance", "pool:targeted") and "pool:high_quality" in found[59].tags
    assert (
        metrics["found"]["by_words"] == 5 and metrics["found"]["by_looks"] >= 2
    )  # of the three; n / (n + 1) is expected
    assert not any("node:folk/kite" in sample.tags for sample in found[6:])
    report = json.loads((tmp_path / "out" / "coverage.json").read_text())
    coverage = {row["node"]: row for row in report["nodes"]}
    assert coverage["folk"]["samples"] >= 7 and coverage["folk"]["samples"] == coverage["folk/kite"]["samples"] + 2
    assert coverage["folk/paper_cutting"]["missing"] == 8 and coverage["food"]["missing"] == 8
    weights = np.array([sample.weight for sample in found])
    assert weights.mean() == pytest.approx(1, abs=1e-4)
    pools = report["pools"]
    assert pools["maintenance"]["samples"] == 60 and pools["maintenance"]["drawn"] == 1.0
    assert pools["knowledge"]["drawn"] > 0.3 > 2 * pools["knowledge"]["share"] and pools["high_quality"]["samples"] == 6
    fates = [json.loads(line) for line in (tmp_path / "out" / "fates.jsonl").read_text().splitlines()]
    assert len(fates) == 60 and {fate["fate"] for fate in fates} == {"kept"}
    assert [ShardReader(tmp_path / "out").read(i)["png"] for i in (0, 59)] == [b"0", b"59"]
    printed = capsys.readouterr().err
    assert "paper_cutting" in printed and "maintenance" in printed


def test_maintenance_alone_evens_out_sources_and_keeps_their_order(shards, tmp_path):
    run(shards, tmp_path / "out", mix={"maintenance": 1.0}, alpha=0.5)
    drawn = {}
    for sample in samples(tmp_path / "out"):
        drawn[sample.source] = drawn.get(sample.source, 0) + sample.weight
    assert drawn["web"] / drawn["books"] == pytest.approx(5**0.5, rel=1e-4)  # 50 to 10 samples


def test_knowledge_is_drawn_by_target(shards, tmp_path):
    run(shards, tmp_path / "out", mix={"knowledge": 1.0}, max_repeats=60.0)
    found = samples(tmp_path / "out")
    by_node = {
        name: sum(sample.weight for sample in found if f"node:{name}" in sample.tags)
        for name in ("folk/kite", "folk/paper_cutting")
    }
    # the kite's own target is the stage's 8
    assert by_node["folk/paper_cutting"] / by_node["folk/kite"] == pytest.approx(10 / 8, rel=1e-4)
    assert found[20].weight == 0


def test_more_repeats_than_asked_are_reported(shards, tmp_path, capsys):
    with pytest.raises(UserError, match="high_quality: no sample of .* has the score clarty"):
        run(shards, tmp_path / "bad", high_quality={"clarty": 0.9})
    run(shards, tmp_path / "out", mix={"high_quality": 1.0}, high_quality={"clarity": 0.95}, max_repeats=5.0)
    assert {sample.weight for sample in samples(tmp_path / "out")} == {0.0, 20.0}
    printed = capsys.readouterr().err
    assert (
        "only 3 of 60 samples have a weight, too few to fill an epoch at 5 times each: each comes 20 times; a "
        "larger share" in printed
    )
    run(shards, tmp_path / "other", max_repeats=5.0)
    assert "repeats" not in capsys.readouterr().err


def test_an_evaluation_says_what_is_weak(shards, tmp_path):
    scores = tmp_path / "scores"
    scores.mkdir()
    rows = [
        {"prompt": f"a {color} car", "right": color != "yellow"}
        for color in ("red", "yellow", "blue")
        for _ in range(12)
    ]
    (scores / "verdicts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run(shards, tmp_path / "out", weak=scores)
    report = json.loads((tmp_path / "out" / "coverage.json").read_text())
    assert report["weak_words"] == ["yellow", "yellow car"] and report["pools"]["targeted"]["samples"] == 52


def test_the_shipped_taxonomy_as_a_step(shards, tmp_path):
    from seedream_core.workflow.artifact import finish

    finish(
        shards,
        kind="shards",
        stage="data/x",
        version=1,
        fingerprint="",
        options={},
        inputs={},
        facts={"samples": 60},
        metrics={},
        seconds=0.0,
    )
    made = execute.step(TaxonomyStage(data=shards), tmp_path / "out", Host())
    assert made.facts == {"samples": 60} and made.metrics["nodes"]["all"] > 100
    assert "node:folk/paper_cutting" in samples(tmp_path / "out")[6].tags


def test_wrong_options(shards, tmp_path):
    with pytest.raises(ConfigError, match="no pool 'quality'.*'high_quality'"):
        parse(TaxonomyStage, {"data": str(shards), "mix": {"quality": 1.0}})
    with pytest.raises(ConfigError, match="above 0"):
        parse(TaxonomyStage, {"data": str(shards), "mix": {"targeted": 0.0}})
    for words, match in (
        (["red circle", "!!"], "weak_words: '!!' has no word"),
        (["2024"], "weak_words: '2024' has no word"),
    ):
        with pytest.raises(ConfigError, match=match):
            parse(TaxonomyStage, {"data": str(shards), "weak_words": words})
    with pytest.raises(
        UserError, match="features: 'appearance' would not be used: no node of the shipped taxonomy has examples"
    ):
        TaxonomyStage(data=shards, features="appearance").run(tmp_path / "out", Host())
    with pytest.raises(DataError, match="no features are given"):
        TaxonomyStage(data=shards, taxonomy=shards.parent / "tree.yaml").run(tmp_path / "out", Host())
