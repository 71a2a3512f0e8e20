"""The balance stage: the same samples with other weights, more concepts on a long tail, killed and resumed to the same
bytes.
"""

import json

import numpy as np
import pytest

from seedream_core.data.balancing.concepts import Concepts
from seedream_core.data.balancing.dual_axis import DualAxisBalance
from seedream_core.data.balancing.source import SourceBalance
from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.errors import DataError, UserError
from seedream_core.records import Sample
from seedream_core.stages.data.balance import BalanceStage
from seedream_core.stages.data.synthetic import SyntheticStage
from seedream_core.workflow import execute
from seedream_core.workflow.config import ConfigError, parse
from seedream_core.workflow.host import Host

COUNT = 900


@pytest.fixture(scope="module")
def crawl(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tail") / "crawl"
    execute.step(
        SyntheticStage(samples=COUNT, seed=31, zipf=1.5, kinds={"one": 1.0}, samples_per_shard=400), folder, Host()
    )
    return folder


def rows(folder) -> list[dict[str, bytes]]:
    reader = ShardReader(folder)
    return [reader.read(index) for index in range(len(reader))]


def samples(folder) -> list[Sample]:
    return [Sample.from_json(row["json"]) for row in rows(folder)]


def stage(crawl, **options) -> BalanceStage:
    return BalanceStage(data=crawl, samples_per_shard=300, **options)


@pytest.fixture(scope="module")
def balanced(crawl, tmp_path_factory):
    out = tmp_path_factory.mktemp("tail") / "balanced"
    execute.step(stage(crawl), out, Host(workers=1))
    return out


def test_only_weights_change(crawl, balanced):
    for before, after in zip(rows(crawl), rows(balanced), strict=True):
        assert before["png"] == after["png"]
        one, other = json.loads(before["json"]), json.loads(after["json"])
        assert one.pop("weight") == 1.0 and other.pop("weight") > 0 and one == other
    fates = [json.loads(line) for line in (balanced / "fates.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [fate["key"] for fate in fates] == ShardReader(crawl).keys and {fate["fate"] for fate in fates} == {"kept"}
    assert {fate["stage"] for fate in fates} == {"data/balance"}


def test_more_concepts_and_a_report(balanced):
    found = samples(balanced)
    weights = np.array([sample.weight for sample in found])
    truth = Concepts.of([f"{one['color']} {one['shape']}" for one in sample.truth["objects"]] for sample in found)
    assert truth.effective(weights) > 1.8 * truth.effective(np.ones(COUNT))
    assert weights.max() <= 10 and weights.mean() == pytest.approx(1, abs=1e-4)
    report = json.loads((balanced / "balance.json").read_text())
    assert report["samples"] == COUNT and report["weights"]["most"] == pytest.approx(weights.max(), rel=1e-3)
    assert set(report["concepts"]) == {"clusters, level 1", "clusters, level 2", "caption terms", "sources", "tags"}
    for name in ("clusters, level 1", "caption terms", "tags"):
        item = report["concepts"][name]
        assert item["effective"]["after"] > item["effective"]["before"]
        assert item["rarest_quarter"]["after"] > item["rarest_quarter"]["before"]


def test_killed_and_resumed_to_the_same_bytes(crawl, balanced, tmp_path, monkeypatch):
    add, out = ShardWriter.add, tmp_path / "out"

    def stop(self, key, members):
        if self.shard == 2 and len(self._index) == 50:
            raise KeyboardInterrupt
        add(self, key, members)

    monkeypatch.setattr(ShardWriter, "add", stop)
    with pytest.raises(KeyboardInterrupt):
        stage(crawl).run(out, Host(workers=2))
    assert len(list((out / "shards").glob("*.tar"))) == 2
    monkeypatch.setattr(ShardWriter, "add", add)
    stage(crawl).run(out, Host(workers=2))
    for name in (
        "fates.jsonl",
        "balance.json",
        *(f"shards/{i:05d}.{end}" for i in range(3) for end in ("tar", "index.json")),
    ):
        assert (out / name).read_bytes() == (balanced / name).read_bytes(), name


def test_weights_that_were_there_are_multiplied(crawl, balanced, tmp_path):
    stage(balanced, balances=(SourceBalance(),)).run(tmp_path, Host())
    assert [sample.weight for sample in samples(tmp_path)] == pytest.approx(
        [sample.weight for sample in samples(balanced)], rel=1e-4
    )


def test_a_cap_on_repeats(crawl, tmp_path):
    stage(crawl, max_repeats=2.0).run(tmp_path, Host())
    assert max(sample.weight for sample in samples(tmp_path)) == 2.0


def test_more_repeats_than_asked_are_reported(crawl, tmp_path, capsys):
    with ShardWriter(tmp_path / "in" / "shards") as writer:
        for place, (key, row) in enumerate(zip(ShardReader(crawl).keys[:60], rows(crawl))):
            writer.add(
                key,
                {
                    "png": row["png"],
                    "json": json.dumps(json.loads(row["json"]) | {"weight": float(place < 3)}).encode(),
                },
            )
    for name, repeats, warned in (("few", 5.0, True), ("enough", 20.0, False)):
        BalanceStage(data=tmp_path / "in", balances=(SourceBalance(),), max_repeats=repeats).run(
            tmp_path / name, Host(workers=1)
        )
        assert {sample.weight for sample in samples(tmp_path / name)} == {0.0, 20.0}
        line = "only 3 of 60 samples have a weight, too few to fill an epoch at 5 times each: each comes 20 times"
        assert (line in capsys.readouterr().err) == warned


def test_features_that_curate_left_are_taken_instead(crawl, tmp_path):
    source = tmp_path / "curated"
    with ShardWriter(source / "shards") as writer:
        for key, row in zip(ShardReader(crawl).keys, rows(crawl)):
            writer.add(key, {"png": b"never decoded", "json": row["json"]})
    (source / "features").mkdir()
    colours = np.array([[("red" in sample.tags[-1]) * 9.0, 1.0] for sample in samples(crawl)], np.float32)
    np.save(source / "features" / "appearance.npy", colours)
    one = BalanceStage(
        data=source, features="appearance", balances=(DualAxisBalance(alpha=1.0, beta=0.0, clusters=(2,)),)
    )
    one.run(tmp_path / "out", Host())
    weights = np.array([sample.weight for sample in samples(tmp_path / "out")])
    red = colours[:, 0] > 0
    assert weights[red].sum() == pytest.approx(weights[~red].sum(), rel=1e-4)
    with pytest.raises(UserError, match="has no 'look'; it has appearance"):
        BalanceStage(data=source, features="look").run(tmp_path / "other", Host())
    np.save(source / "features" / "appearance.npy", colours[:5])
    with pytest.raises(DataError, match="5 rows for 900 samples"):
        one.run(tmp_path / "short", Host())


def test_damage_and_nothing_to_weigh_by(crawl, tmp_path):
    with pytest.raises(ConfigError, match="at least one technique"):
        parse(BalanceStage, {"data": str(crawl), "balances": []})
    copied = tmp_path / "bad" / "shards"
    with ShardWriter(copied) as writer:
        writer.add("a", rows(crawl)[0])
    (copied / "00000.tar").write_bytes((copied / "00000.tar").read_bytes()[:600])
    with pytest.raises(DataError, match="cut off|index says"):
        BalanceStage(data=tmp_path / "bad").run(tmp_path / "out", Host())


def test_a_picture_that_cannot_be_read_is_named(tmp_path):
    execute.step(SyntheticStage(samples=90, damage=0.5), tmp_path / "crawl", Host())
    with pytest.raises(DataError, match=r"crawl: s0-\d+: undecodable[^\n]*\n  fix: run data/curate"):
        BalanceStage(data=tmp_path / "crawl").run(tmp_path / "out", Host())
