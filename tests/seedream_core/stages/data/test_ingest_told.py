"""What ingest does not bring in, it tells: tuples, members beside the picture, and why, under one kind for all that is alike."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from seedream_core import execute
from seedream_core.data.pairs import Pairs as Family
from seedream_core.data.scenes.render import png
from seedream_core.data.shards import ShardReader, ShardWriter
from seedream_core.data.sources import Source
from seedream_core.errors import DataError
from seedream_core.host import Host
from seedream_core.records import Sample
from seedream_core.report import story
from seedream_core.stages.data.ingest import Ingest
from seedream_core.stages.data.pairs import Pairs
from seedream_core.stages.data.synthetic import Synthetic

PIXELS = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)


def ingest(kind: str, path, **options) -> Ingest:
    return Ingest(**{"source": Source.find(kind)(path=str(path)), "bad_budget": 1.0} | options)


def reasons(out) -> dict[str, str]:
    rows = map(json.loads, (out / "fates.jsonl").read_text(encoding="utf-8").splitlines())
    return {row["name"]: row["reason"] for row in rows if row["fate"] == "quarantined"}


def test_tuples_are_told_and_not_stripped(tmp_path):
    execute.step(Synthetic(samples=12, seed=5), tmp_path / "world", Host())
    execute.step(Pairs(data=tmp_path / "world", pairs=(Family.find("canny")(), Family.find("inpainting")())), tmp_path / "pairs", Host())
    count = len(ShardReader(tmp_path / "pairs"))
    with pytest.raises(DataError, match="the last, .*tuple: ingest brings single pictures in"):
        execute.step(ingest("webdataset", tmp_path / "pairs" / "shards", bad_budget=0.001), tmp_path / "none", Host())
    with ShardWriter(tmp_path / "pairs" / "shards", first=1) as writer:
        one = ShardReader(tmp_path / "world").read(0)
        writer.add("single", one | {"json": Sample.from_json(one["json"]).to_json()})
    metrics = execute.step(ingest("webdataset", tmp_path / "pairs" / "shards"), tmp_path / "out", Host()).metrics
    assert metrics["kept"] == 1 and ShardReader(tmp_path / "out").keys == ["single"]
    assert story.fates(tmp_path / "out")["quarantined", "tuple"] == count > 12
    assert any("(canny)" in reason for reason in reasons(tmp_path / "out").values())
    assert metrics["ignored"]["ref0.png"] == count and 0 < metrics["ignored"]["editmask.png"] <= 12


def test_members_beside_the_picture_are_counted(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    with ShardWriter(tmp_path / "in") as writer:
        for key in "abc":
            writer.add(key, {"png": png(PIXELS), "mask.png": png(PIXELS), "txt": b"words", "json": b"{}"})
        writer.add("d", {"jpg": jpeg(), "latent.safetensors": b"x"})
    metrics = execute.step(ingest("webdataset", tmp_path / "in"), tmp_path / "out", Host()).metrics
    assert metrics["kept"] == 4 and metrics["ignored"] == {"mask.png": 3, "latent.safetensors": 1}
    assert "left aside: 3 mask.png, 1 latent.safetensors" in capsys.readouterr().err


def jpeg() -> bytes:
    data = io.BytesIO()
    Image.fromarray(PIXELS).save(data, "JPEG")
    return data.getvalue()
