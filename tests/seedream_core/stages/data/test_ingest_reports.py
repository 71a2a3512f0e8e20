"""Ingest reports what it leaves out and why: tuples, members beside the picture; equal reasons are counted together."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seedream_core.data.pairs import Pairs as Family
from seedream_core.data.sources import Source
from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.errors import DataError, UserError
from seedream_core.records import Sample
from seedream_core.report import history
from seedream_core.stages.data.ingest import IngestStage
from seedream_core.stages.data.pairs import PairsStage
from seedream_core.stages.data.synthetic import SyntheticStage
from seedream_core.synthetic.scenes.render import png
from seedream_core.workflow import execute, recipe
from seedream_core.workflow.host import Host

PIXELS = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)


def ingest(kind: str, path, **options) -> IngestStage:
    return IngestStage(**{"source": Source.find(kind)(path=str(path)), "bad_budget": 1.0} | options)


def reasons(out) -> dict[str, str]:
    rows = map(json.loads, (out / "fates.jsonl").read_text(encoding="utf-8").splitlines())
    return {row["name"]: row["reason"] for row in rows if row["fate"] == "quarantined"}


def test_tuples_are_reported_and_not_stripped(tmp_path):
    execute.step(SyntheticStage(samples=12, seed=5), tmp_path / "world", Host())
    execute.step(
        PairsStage(data=tmp_path / "world", pairs=(Family.find("canny")(), Family.find("inpainting")())),
        tmp_path / "pairs",
        Host(),
    )
    count = len(ShardReader(tmp_path / "pairs"))
    with pytest.raises(DataError, match="the last, .*tuple: ingest brings single pictures in"):
        execute.step(ingest("webdataset", tmp_path / "pairs" / "shards", bad_budget=0.001), tmp_path / "none", Host())
    with ShardWriter(tmp_path / "pairs" / "shards", first=1) as writer:
        one = ShardReader(tmp_path / "world").read(0)
        writer.add("single", one | {"json": Sample.from_json(one["json"]).to_json()})
    metrics = execute.step(ingest("webdataset", tmp_path / "pairs" / "shards"), tmp_path / "out", Host()).metrics
    assert metrics["kept"] == 1 and ShardReader(tmp_path / "out").keys == ["single"]
    assert history.fates(tmp_path / "out")["quarantined", "tuple"] == count > 12
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
    assert "ignored besides these: 3 mask.png, 1 latent.safetensors" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["folder", "webdataset"])
def test_jpegs_by_their_other_names_come_in(tmp_path, kind):
    (tmp_path / "in").mkdir()
    with tarfile.open(tmp_path / "in" / "0.tar", "w") as archive:
        for name in ("a.jfif", "b.jpe"):
            (tmp_path / "in" / name).write_bytes(jpeg())
            archive.add(tmp_path / "in" / name, name)
    metrics = execute.step(ingest(kind, tmp_path / "in"), tmp_path / "out", Host()).metrics
    reader = ShardReader(tmp_path / "out")
    assert metrics["kept"] == len(reader) == 2 and reader.read(0)["jpg"] == jpeg()


def test_an_extension_that_is_none_is_reported(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    with tarfile.open(tmp_path / "in" / "0.tar", "w") as archive:
        (tmp_path / "a.png").write_bytes(png(PIXELS))
        for name in ("a.png", "README", ".hidden.png"):
            archive.add(tmp_path / "a.png", name)
    execute.step(ingest("webdataset", tmp_path / "in"), tmp_path / "out", Host())
    assert "ignored besides these: 1 without extension, 1 hidden" in capsys.readouterr().err


@pytest.mark.parametrize("out", ["photos/out", "photos", "photos/a/../new/out", "link/out"])
def test_an_out_inside_the_source_is_refused_before_anything_is_written(tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "a").mkdir(parents=True)
    (tmp_path / "photos" / "a" / "1.png").write_bytes(png(PIXELS))
    (tmp_path / "link").symlink_to("photos")
    with pytest.raises(
        UserError,
        match=r"lies in photos \(source.path\): the step would change what it reads(.|\n)*give an --out outside "
        r"of photos",
    ):
        execute.step(ingest("folder", "photos"), Path(out), Host())
    (tmp_path / "r.yaml").write_text(
        "out: photos\nsteps:\n  crawl: {run: data/ingest, source: {name: folder, path: photos}}\n"
    )
    with pytest.raises(UserError, match="photos/crawl lies in photos"):
        execute.recipe(recipe.load("r.yaml"), say=print)
    assert [path.name for path in (tmp_path / "photos").rglob("*")] == ["a", "1.png"]
    assert execute.step(ingest("folder", "photos"), Path("photos-out"), Host()).metrics["kept"] == 1
    with pytest.raises(UserError, match=r"lies in photos-out \(retry\)"):
        execute.step(ingest("folder", "photos", retry=Path("photos-out")), Path("photos-out/again"), Host())
    with pytest.raises(UserError, match=r"source.path: photos/a lies in --out photos"):
        execute.step(ingest("folder", "photos/a"), Path("photos"), Host())
    assert [path.name for path in (tmp_path / "photos").rglob("*")] == ["a", "1.png"]


def test_a_picture_may_be_called_artifact(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "artifact.png").write_bytes(png(PIXELS))
    (tmp_path / "in" / "artifact.json").write_text('{"caption": "a vase"}')
    metrics = execute.step(ingest("folder", tmp_path / "in"), tmp_path / "out", Host()).metrics
    record = Sample.from_json(ShardReader(tmp_path / "out").read(0)["json"])
    assert metrics["kept"] == 1 and record.name == "artifact.png" and record.captions == {"en": {"short": "a vase"}}


ROWS = {
    "record: cannot be written as json": [{"truth": "\ud800"}, {"source": "\ud801"}],
    "record: too large": [{"truth": "a" * 65_400}, {"truth": "a" * 65_410}],
    "record: wrong": [{"weight": -1}, {"task": 5}, {"boxes": "none"}],
    "record: boxes": [
        {"boxes": [[1, 2]]},
        {"boxes": [{"kind": "logo", "box": [0, 0, 1, "1"]}]},
        {"boxes": [{"box": [0, 0, 1, 1]}, {}]},
    ],
    "no text": [{"captions": {"en": {"short": 5}}}, {"captions": {"zh": {"long": 6}}}],
    "not UTF-8": [b'{"caption": "\xff"}', b'{"caption": "ab\xff"}'],
    "too large": [b'"' + b"a" * 66_000 + b'"', b'"' + b"a" * 67_000 + b'"'],
    "not json": [b"{", b'{"a": NaN}', b"[" * 30 + b"]" * 30],
    "the json holds no mapping": [b"[]", b"5"],
    "undecodable PNG": [png(PIXELS)[:-20], png(PIXELS)[:-30]],
}
"""Kinds of reasons, and what gives them: fields of a record, a whole json, or a picture."""


@pytest.mark.parametrize("size", [{}, {"width": 8, "height": 8}])
@pytest.mark.parametrize("kind", ROWS)
def test_reasons_of_a_kind_are_reported_as_one(tmp_path, kind, size):
    (tmp_path / "in").mkdir()
    for number, row in enumerate(ROWS[kind]):
        broken = isinstance(row, bytes) and row.startswith(b"\x89PNG")
        ours = {"key": f"k{number}", "width": 16, "height": 16, "captions": {}}
        (tmp_path / "in" / f"{number}.png").write_bytes(row if broken else png(PIXELS))
        (tmp_path / "in" / f"{number}.json").write_bytes(
            b"{}" if broken else row if isinstance(row, bytes) else json.dumps(ours | row).encode()
        )
    (tmp_path / "in" / "good.png").write_bytes(png(PIXELS))
    execute.step(ingest("folder", tmp_path / "in", **size), tmp_path / "out", Host())
    assert history.fates(tmp_path / "out")["quarantined", kind.partition(":")[0]] == len(ROWS[kind])
    assert all(reason.startswith(kind) for reason in reasons(tmp_path / "out").values())


def test_names_that_are_there_twice_and_what_grows_too_large_are_of_one_kind(tmp_path, monkeypatch):
    for name in ("x", "y"):
        (tmp_path / f"{name}.png").write_bytes(png(PIXELS))
        Image.fromarray(np.random.default_rng(ord(name)).integers(0, 256, (16, 16 + ord(name), 3), np.uint8)).save(
            tmp_path / f"{name}.bmp"
        )
    rows = [{"image": name} for name in ("x.png", "y.png", "x.png", "y.png", "x.bmp", "y.bmp")]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setattr("seedream_core.data.storage.shards.MEMBER_BYTES", 1500)
    execute.step(ingest("jsonl", tmp_path / "t.jsonl"), tmp_path / "out", Host())
    assert history.fates(tmp_path / "out") == {
        ("kept", ""): 2,
        ("quarantined", "name twice"): 2,
        ("quarantined", "too large"): 2,
    }


def jpeg() -> bytes:
    data = io.BytesIO()
    Image.fromarray(PIXELS).save(data, "JPEG")
    return data.getvalue()
