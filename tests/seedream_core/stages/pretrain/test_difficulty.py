"""The rater's stage: it learns from pictures alone, says how well on others, the same every time, and refuses what is
no lesson.
"""

import json

import numpy as np
import pytest

from seedream_core.data.curation import difficulty
from seedream_core.data.storage.shards import ShardWriter
from seedream_core.errors import DataError
from seedream_core.stages.data.knowledge import KnowledgeStage
from seedream_core.stages.pretrain.difficulty import DifficultyStage
from seedream_core.synthetic.documents import rating
from seedream_core.synthetic.scenes.render import png
from seedream_core.workflow.config import dump, parse
from seedream_core.workflow.host import Host


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    def made(seed: int, samples: int):
        out = tmp_path_factory.mktemp(f"seed{seed}")
        parse(
            KnowledgeStage, {"samples": samples, "seed": seed, "sides": [256, 320], "kinds": ["table", "wireframe"]}
        ).run(out, Host())
        return out

    return made(1, 120), made(2, 60)


def test_it_learns_and_tells_what_it_learned(tmp_path, shards):
    first, second = tmp_path / "a", tmp_path / "b"
    options = {"data": str(shards[0]), "held_out": str(shards[1]), "steps": 300, "width": 16}
    for out in (first, second):
        out.mkdir()
        metrics = parse(DifficultyStage, options).run(out, Host())
    assert metrics["samples"] == 120 and metrics["held_out_samples"] == 60 and metrics["accuracy"] > 0.7
    assert (
        set(metrics["accuracy_by_kind"]) == {"table", "wireframe"}
        and 0 <= metrics["extremely_hard_found"] <= metrics["extremely_hard"]
    )
    assert (first / difficulty.WEIGHTS).read_bytes() == (second / difficulty.WEIGHTS).read_bytes()
    from seedream_core.data.images.pictures import decode
    from seedream_core.data.storage.shards import ShardReader

    reader, rater = ShardReader(shards[1]), difficulty.rater(first)
    rows = [reader.read(index) for index in range(60)]
    right = [rating.level(rater.load(decode(row))) == json.loads(row["json"])["truth"]["difficulty"] for row in rows]
    assert np.mean(right) == pytest.approx(metrics["accuracy"], abs=1e-4)
    other = tmp_path / "c"
    other.mkdir()
    parse(DifficultyStage, options | {"seed": 1, "lr": 1e-3, "decay": 0.5}).run(other, Host())
    assert (first / difficulty.WEIGHTS).read_bytes() != (other / difficulty.WEIGHTS).read_bytes()


def test_the_same_samples_are_no_held_out_ones(tmp_path, shards):
    with pytest.raises(DataError, match="120 of its samples are in data too"):
        parse(DifficultyStage, {"data": str(shards[0]), "held_out": str(shards[0])}).run(tmp_path, Host())


def test_pictures_without_truth_are_refused(tmp_path, shards):
    with ShardWriter(tmp_path / "shards") as writer:
        record = json.dumps({"key": "a", "width": 16, "height": 16, "captions": {}}).encode()
        writer.add("a", {"png": png(np.zeros((16, 16, 3), np.uint8)), "json": record})
    with pytest.raises(DataError, match="sample a does not say how hard it is"):
        parse(DifficultyStage, {"data": str(tmp_path), "held_out": str(shards[1])}).run(tmp_path, Host())


def test_config_survives_yaml():
    stage = parse(DifficultyStage, {"data": "x/a", "held_out": "x/b", "width": 32})
    assert parse(DifficultyStage, dump(stage)) == stage
