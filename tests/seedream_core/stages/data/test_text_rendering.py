"""The branch as a stage: every sample a fate, the same bytes on any number of processes, a kill costs nothing."""

import io
import json

import pytest
from PIL import Image, ImageDraw, ImageFont

from seedream_core.data.storage import ordered
from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.errors import DataError
from seedream_core.records import Sample
from seedream_core.stages.data.text_rendering import TextRenderingStage
from seedream_core.workflow.host import Host


def write(folder, count: int, boxes=lambda index: ()) -> None:
    with ShardWriter(folder / "shards", 1000) as writer:
        for index in range(count):
            image = Image.new("RGB", (240, 80), "white")
            ImageDraw.Draw(image).text((20, 20), f"SALE {index}", fill="black", font=ImageFont.load_default(28))
            data = io.BytesIO()
            image.save(data, "PNG")
            record = Sample(
                key=f"k{index}", width=240, height=80, captions={"en": {"short": "a sign"}}, boxes=boxes(index)
            )
            writer.add(
                record.key, {"png": data.getvalue()[:80] if index == 7 else data.getvalue(), "json": record.to_json()}
            )


def boxes_of(index: int) -> tuple:
    line = {
        "kind": "text",
        "box": [0.1, 0.2, 0.9, 0.6],
        "text": f"SALE {index}",
        "score": 0.5 if index % 3 == 0 else 0.9,
    }
    return (line, {"kind": "watermark", "box": [0, 0.9, 1, 1]})


def test_fates_processes_and_kills(tmp_path, monkeypatch):
    monkeypatch.setattr(ordered, "FEW", 2)
    write(tmp_path / "in", 60, boxes_of)
    for name, workers in (("a", 1), ("b", 2)):
        (tmp_path / name).mkdir()
        stage = TextRenderingStage(data=tmp_path / "in", scorers=(), bad_budget=0.1, samples_per_shard=15)
        metrics = stage.run(tmp_path / name, Host(workers=workers))
    assert (metrics["kept"], metrics["dropped"], metrics["quarantined"]) == (39, 20, 1)
    rows = [json.loads(row) for row in (tmp_path / "a" / "fates.jsonl").read_text().splitlines()]
    assert [row["fate"] for row in rows] == [
        "quarantined" if index == 7 else "dropped" if index % 3 == 0 else "kept" for index in range(60)
    ]
    reader = ShardReader(tmp_path / "a")
    assert {Sample.from_json(reader.read(place)["json"]).height for place in range(len(reader))} == {72}
    for path in (path for path in (tmp_path / "a").rglob("*") if path.is_file()):
        assert (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes() == path.read_bytes()
    with pytest.raises(DataError, match="1 of 60 samples are unreadable"):
        (tmp_path / "c").mkdir()
        TextRenderingStage(data=tmp_path / "in", scorers=()).run(tmp_path / "c", Host(workers=1))


def test_what_no_box_tells_is_read(tmp_path):
    pytest.importorskip("rapidocr")
    write(tmp_path / "in", 3)
    (tmp_path / "out").mkdir()
    TextRenderingStage(data=tmp_path / "in").run(tmp_path / "out", Host(workers=1))
    reader = ShardReader(tmp_path / "out")
    captions = [Sample.from_json(reader.read(place)["json"]).captions["en"]["textual"] for place in range(3)]
    assert captions == [f'with the text "SALE {index}"' for index in range(3)]
