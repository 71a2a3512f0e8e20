"""The synthetic stage: shards that say the truth, the same for the same config, resumed at whole shards, spoiled on
request.
"""

import json
from collections import Counter
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from seedream_core.data.storage.shards import ShardReader
from seedream_core.evaluation.judges.scenes import fault
from seedream_core.randomness import Rng
from seedream_core.records import Sample
from seedream_core.stages.data import synthetic
from seedream_core.stages.data.synthetic import DAMAGES, SyntheticStage
from seedream_core.synthetic.scenes.reader import read
from seedream_core.synthetic.scenes.world import HELD_OUT, Scene
from seedream_core.workflow.config import ConfigError, dump, parse
from seedream_core.workflow.host import Host


def made(out, **options) -> list[tuple[bytes, Sample]]:
    out.mkdir(exist_ok=True)
    made.metrics = SyntheticStage(**options).run(out, Host())
    reader = ShardReader(out)
    rows = [reader.read(index) for index in range(len(reader))]
    return [(row["png"], Sample.from_json(row["json"])) for row in rows]


def picture(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(data)))


@pytest.mark.parametrize("size", [(64, 64), (96, 64)])
def test_samples_show_and_say_their_truth(tmp_path, size):
    rows = made(tmp_path, samples=40, size=size, samples_per_shard=15)
    assert len(rows) == 40 and len(list((tmp_path / "shards").glob("*.tar"))) == 3
    for data, sample in rows:
        scene = Scene.from_json(sample.truth)
        assert picture(data).shape == (size[1], size[0], 3) and (sample.width, sample.height) == size
        assert fault(read(picture(data)), scene.asked) is None
        assert sample.captions["en"]["short"].endswith(f"{scene.background} background")
        assert sample.scores["clarity"] == min(o.size for o in scene.objects) and sample.scores["margin"] > 0.99
        assert not set(sample.tags) & set(HELD_OUT) and sample.truth["damage"] is None
    fates = [json.loads(line) for line in (tmp_path / "fates.jsonl").read_text().splitlines()]
    assert [fate["key"] for fate in fates] == [sample.key for _, sample in rows]
    assert sum(made.metrics["kinds"].values()) == 40


def files(out) -> dict:
    return {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_same_config_same_bytes_and_other_seed_other_keys(tmp_path):
    first = made(tmp_path / "a", samples=20, damage=0.5)
    made(tmp_path / "b", samples=20, damage=0.5)
    other = made(tmp_path / "c", samples=20, seed=1)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert not {s.key for _, s in first} & {s.key for _, s in other}


def test_a_stopped_run_goes_on_at_its_whole_shards(tmp_path, monkeypatch):
    made(tmp_path / "whole", samples=23, samples_per_shard=5, damage=0.3)
    members, calls = SyntheticStage.members, []

    def stop(self, world, index, *rest):
        calls.append(index)
        if index == 13:
            raise KeyboardInterrupt
        return members(self, world, index, *rest)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(SyntheticStage, "members", stop)
        made(tmp_path / "stopped", samples=23, samples_per_shard=5, damage=0.3)
    calls.clear()
    monkeypatch.setattr(
        SyntheticStage,
        "members",
        lambda self, world, index, *rest: calls.append(index) or members(self, world, index, *rest),
    )
    made(tmp_path / "stopped", samples=23, samples_per_shard=5, damage=0.3)
    assert calls == list(range(10, 23))
    assert files(tmp_path / "whole") == files(tmp_path / "stopped")


def test_damage_is_what_truth_says(tmp_path):
    rows = made(tmp_path, samples=400, damage=0.5)
    by_key = {sample.key: data for data, sample in rows}
    counts, seen = Counter(), {}
    for data, sample in rows:
        damage = sample.truth["damage"]
        counts[damage] += 1
        if damage == "undecodable":
            with pytest.raises(OSError):
                picture(data)
        elif damage == "uniform":
            assert np.ptp(picture(data), axis=(0, 1)).max() == 0
        elif damage == "duplicate":
            assert data in seen and sample.captions == seen[data].captions
        elif damage == "blurred":
            steps = np.abs(np.diff(picture(data).astype(int), axis=1)).max()
            assert 0 < steps < 50
        else:
            assert read(picture(data)).problems == ()
            assert (sample.captions == {}) == (damage == "captionless")
        if damage is None:
            seen[data] = sample
    assert set(counts) == {None, *DAMAGES} and 150 < 400 - counts[None] < 250
    assert len(by_key) == 400 and made.metrics["damaged"] == {k: n for k, n in counts.items() if k}


@pytest.mark.parametrize("damage, duplicates", [(0.9, 94), (1.0, 0)])
def test_where_nearly_all_is_spoiled_each_sample_is_drawn_once_and_only_whole_ones_are_repeated(
    tmp_path, monkeypatch, damage, duplicates
):
    drawn, members = [], SyntheticStage.members
    monkeypatch.setattr(synthetic, "Rng", lambda *key: (drawn.append(key[-1]), Rng(*key))[1])
    monkeypatch.setattr(
        SyntheticStage,
        "members",
        lambda self, *given: members(self, *given) if len(drawn) <= 300 else pytest.fail("drawn again"),
    )
    rows = made(tmp_path, samples=300, damage=damage)
    assert drawn == list(range(300)) and made.metrics["damaged"].get("duplicate", 0) == duplicates
    counts, last = Counter(sample.truth["damage"] for _, sample in rows), None
    for data, sample in rows:
        last = data if sample.truth["damage"] is None else last
        assert sample.truth["damage"] != "duplicate" or data == last
    assert (counts[None] == 0) == (damage == 1.0) and counts["uniform"] > 60


@pytest.mark.parametrize(
    "options, message",
    [
        ({"size": [500, 64]}, "try 496 or 512"),
        ({"held_out": ["yellow hart"]}, "yellow hart"),
        ({"kinds": {"two": 1}}, "none of one"),
        ({"relations": {"under": 1}}, "none of left"),
        ({"damage": 2}, "damage"),
        ({"samples": 0}, "samples"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        parse(SyntheticStage, {"samples": 5, **options})


def test_config_survives_yaml_and_plans_its_facts():
    stage = parse(SyntheticStage, {"samples": 5, "size": [96, 64], "kinds": {"one": 1}})
    assert parse(SyntheticStage, dump(stage)) == stage
    assert stage.facts({}) == {
        "samples": 5,
        "width": 96,
        "height": 64,
        "held_out": sorted(HELD_OUT),
        "caption_tokens": 8,  # `a blue star on a pink background` and the end
    }


def test_relations_are_drawn_by_their_weights(tmp_path):
    pairs = made(tmp_path, samples=40, kinds={"pair": 1}, relations={"left": 1, "above": 3})
    drawn = Counter(sample.truth["relation"] for _, sample in pairs)
    assert set(drawn) == {"left", "above"} and drawn["above"] > drawn["left"]
