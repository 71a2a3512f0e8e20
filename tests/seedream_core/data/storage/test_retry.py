"""An earlier run tells what of it stands; another source, other options or another stage are one clear message each."""

import json
import os

import pytest
from PIL import Image

from seedream_core.data.sources import Source
from seedream_core.data.storage.retry import EarlierRun
from seedream_core.errors import DataError, UserError
from seedream_core.stages.data.curate import CurateStage
from seedream_core.stages.data.ingest import IngestStage
from seedream_core.workflow.config import changed
from seedream_core.workflow.execute import step
from seedream_core.workflow.host import Host
from seedream_core.workflow.states import changes_since


def essence(stage) -> dict:
    return {"width": changed(stage).get("width")}


def ingest(tmp_path, **options) -> IngestStage:
    return IngestStage(
        source=Source.find("folder")(path=str(tmp_path / "in")), **{"bad_budget": 0.9, "samples_per_shard": 2} | options
    )


@pytest.fixture
def done(tmp_path):
    """Six pictures, one of them bad, one too small, and the folder of their ingest."""
    (tmp_path / "in").mkdir()
    for number in range(6):
        Image.new("RGB", (4, 4) if number == 5 else (12, 8), (number, 0, 0)).save(tmp_path / "in" / f"p{number}.png")
    (tmp_path / "in" / "p1.png").write_bytes(b"bad")
    step(ingest(tmp_path, width=8, height=8), tmp_path / "out", Host(workers=1))
    return tmp_path / "out"


def rows(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "fates.jsonl").read_text().splitlines()]


def keys(folder) -> dict[str, str]:
    return {row["name"]: row["key"] for row in rows(folder)}


def test_what_became_of_each(tmp_path, done):
    earlier, key = EarlierRun(done, ingest(tmp_path, width=8, height=8), essence, changes_since), keys(done)
    assert {name: earlier.before(key[name]).fate for name in key} == {
        "p0.png": "kept",
        "p1.png": "quarantined",
        "p2.png": "kept",
        "p3.png": "kept",
        "p4.png": "kept",
        "p5.png": "dropped",
    }
    assert earlier.finished and earlier.before("other") is None and earlier.before(key["p5.png"]).settled
    assert set(earlier.before(key["p4.png"]).members()) == {"png", "json"} and earlier.changes == {"scaled to 8×8": 4}
    listed = [(row["key"], row["name"], row["source"]) for row in rows(done)]
    assert earlier.check(listed) == 1
    with pytest.raises(UserError, match="does not know more.png"):
        earlier.check([*listed, ("k", "more.png", "more.png")])
    assert earlier.check([*listed, ("k", "p1.webp", "p1.webp")]) == 1  # in place of what was bad
    with pytest.raises(UserError, match=f"{key['p0.png']} of .* not in the source any more"):
        earlier.check(listed[1:])
    with pytest.raises(UserError, match="not in the source any more"):
        earlier.check([row for row in listed if row[1] != "p5.png"])


def test_a_damaged_shard_of_the_earlier_run_is_made_again(tmp_path, done):
    data = bytearray((done / "shards" / "00000.tar").read_bytes())
    data[530] ^= 1
    (done / "shards" / "00000.tar").write_bytes(data)
    os.remove(done / "shards" / "00001.tar")
    os.remove(done / "shards" / "00001.index.json")
    earlier, key = EarlierRun(done, ingest(tmp_path, width=8, height=8), essence, changes_since), keys(done)
    assert earlier.before(key["p0.png"]).members() is None and earlier.before(key["p4.png"]).fate == "missing"
    assert earlier.check([(row["key"], row["name"], row["source"]) for row in rows(done)]) == 1


def test_a_stopped_run_has_what_is_whole(tmp_path, done):
    (out := tmp_path / "stopped").mkdir()
    with pytest.raises(DataError, match="over the budget"):
        step(ingest(tmp_path, bad_budget=0.0), out, Host(workers=1))
    with open(out / "fates.jsonl", "a") as lines:
        lines.write('{"key": "torn')
    earlier = EarlierRun(out, ingest(tmp_path), essence, changes_since)
    assert not earlier.finished and earlier.before(keys(done)["p0.png"]).fate == "missing"
    assert earlier.check([("k", "more.png", "more.png")]) == 0


def test_what_is_no_such_run_is_reported(tmp_path, done):
    with pytest.raises(UserError, match="is not an output folder of data/ingest"):
        EarlierRun(tmp_path / "in", ingest(tmp_path), essence, changes_since)
    with pytest.raises(UserError, match="made with other options .width: 8 -> None"):
        EarlierRun(done, ingest(tmp_path), essence, changes_since)
    for name in ("step.yaml", "artifact.json"):  # as a run begun by another version, and as one that it finished
        text = (done / name).read_text()
        (done / name).write_text(text.replace('"version": ', '"version": 1', 1))
        if name == "step.yaml":
            (done / "artifact.json").rename(done / "aside")
        with pytest.raises(UserError, match=r"made with other options .version of data/ingest: 1\d -> \d"):
            EarlierRun(done, ingest(tmp_path, width=8, height=8), essence, changes_since)
        (done / name).write_text(text)
        if name == "step.yaml":
            (done / "aside").rename(done / "artifact.json")
    with pytest.raises(UserError, match="made by data/ingest, not by data/curate"):
        EarlierRun(done, CurateStage(data=done), essence, changes_since)
