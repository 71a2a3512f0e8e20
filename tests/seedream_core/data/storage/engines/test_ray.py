"""Ray gives what the pool gives, here or on a cluster that is there already; without it one message says what to
install.
"""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import toy_encoder
from PIL import Image

from seedream_core.data.storage.engines import Engine
from seedream_core.data.storage.rewrite import rewrite
from seedream_core.data.storage.shards import ShardReader
from seedream_core.errors import DataError, UserError
from seedream_core.records import load_json, safe_key
from seedream_core.stages.data.synthetic import SyntheticStage
from seedream_core.workflow import execute, stage
from seedream_core.workflow.config import parse
from seedream_core.workflow.host import Host


def test_without_ray_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"pip install 'seedream\[ray\]'"):
        next(Engine.find("ray")()(safe_key, ["a"], 1))


def test_nothing_to_do_starts_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert list(Engine.find("ray")()(safe_key, [], 1)) == []


@pytest.fixture(scope="module")
def cluster():
    """A Ray of two processors that stands already."""
    ray = pytest.importorskip("ray")
    from seedream_core.data.storage.engines.ray import _session

    with _session(2):
        yield ray


@pytest.mark.slow
def test_results_in_order_and_errors_as_they_are(cluster):
    engine, names = Engine.find("ray")(), [f"名 {number}" for number in range(150)]
    assert list(engine(safe_key, names, 2)) == list(engine(safe_key, names, 0)) == list(map(safe_key, names))
    with pytest.raises(DataError, match="not json"):
        list(engine(load_json, ["1"] * 40 + ["{"] + ["1"] * 40, 2))
    with pytest.raises(UserError, match="Ray: .*worker"):
        list(engine(signal.raise_signal, [signal.SIGKILL], 2))
    assert cluster.is_initialized()


@pytest.mark.slow
def test_ingest_on_a_ray_of_its_own_and_on_a_cluster_makes_the_pools_bytes(cluster, tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(130):
        Image.new("RGBA", (12, 8), (number, 9, 0, 100)).save(tmp_path / "in" / f"p{number:03d}.png")
    (tmp_path / "in" / "p077.png").write_bytes(b"bad")
    # Another process must neither find the cluster by itself, nor know its token.
    own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    there = os.environ | {"RAY_ADDRESS": cluster.get_runtime_context().gcs_address}
    made = {}
    for name, options, environment in (
        ("pool", [], own),
        ("own", ["--set", "engine=ray"], own),
        ("cluster", ["--set", "engine=ray"], there),
    ):
        command = [
            sys.executable,
            "-m",
            "seedream_cli",
            "data",
            "ingest",
            "--set",
            "source.name=folder",
            "--set",
            f"source.path={tmp_path / 'in'}",
            "--set",
            "bad_budget=0.1",
            "--set",
            "samples_per_shard=40",
            *options,
            "--out",
            str(tmp_path / name),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)}
        )
        assert done.returncode == 0, done.stderr
        made[name] = {
            path.name: path.read_bytes()
            for path in [*(tmp_path / name).glob("shards/*"), tmp_path / name / "fates.jsonl"]
        }
        assert json.loads((tmp_path / name / "artifact.json").read_text())["metrics"]["kept"] == 129
    assert made["pool"] == made["own"] == made["cluster"] and len(made["pool"]) == 9


PLACES = ("data", "encoder", "queries")
SPREAD = {
    "data/balance": {"data": "crawl"},
    "data/curate": {"data": "crawl", "dedup": ["near"]},
    "data/knowledge": {"samples": 70, "kinds": ["wireframe"], "sides": [192, 224]},
    "data/label": {
        "data": "crawl",
        "truth": "truth.damage",
        "active": {"seed_labels": 20, "batch": 10, "max_labels": 40},
    },
    "data/pairs": {"data": "crawl", "pairs": ["canny"]},
    "data/retrieve": {"data": "crawl", "encoder": "encoder", "queries": "queries.jsonl"},
    "data/text_rendering": {"data": "crawl", "scorers": []},
}


@pytest.mark.slow
@pytest.mark.parametrize("path", SPREAD)
def test_every_stage_that_is_spread_makes_the_pools_bytes(cluster, scenes, tmp_path, path):
    options = {name: str(scenes / value) if name in PLACES else value for name, value in SPREAD[path].items()}
    made = []
    for engine in ("pool", "ray"):
        out = tmp_path / engine
        out.mkdir()
        parse(stage.find(path), options | {"engine": engine}).run(out, Host(workers=2))
        made.append({str(file.relative_to(out)): file.read_bytes() for file in out.rglob("*") if file.is_file()})
    assert made[0] == made[1] and made[0]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """A crawl of 100 scenes whose records tell a line of text and whether they are spoiled, an encoder, and what to ask
    it for.
    """
    folder = tmp_path_factory.mktemp("scenes")
    line = {"kind": "text", "box": [0.1, 0.1, 0.9, 0.9], "text": "SALE", "score": 0.9}

    def tell(row, sample):
        return replace(sample, boxes=(line,), truth=sample.truth | {"damage": "noise" if row % 4 else ""})

    execute.step(SyntheticStage(samples=100, size=(64, 64)), folder / "drawn", Host(), say=lambda line: None)
    rewrite(ShardReader(folder / "drawn"), tell, folder / "crawl", stage="test", made_from="", samples_per_shard=50)
    toy_encoder.make_encoder(folder / "encoder")
    (folder / "queries.jsonl").write_text(
        json.dumps({"concept": "one", "examples": [ShardReader(folder / "crawl").keys[7]], "count": 9})
    )
    return folder


def test_a_cluster_that_is_not_there_is_reported_at_once(monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setenv("RAY_ADDRESS", "ray://127.0.0.1:1")
    with pytest.raises(UserError, match="cannot connect to Ray at ray://127.0.0.1:1"):
        next(Engine.find("ray")()(safe_key, ["a"], 1))
