"""Thirty bad inputs end in thirty rows with the right reason, nothing around them is lost, and a kill changes
nothing.
"""

import io
import json
import os
import shutil
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from seedream_cli.main import app
from seedream_core.data.sources import Source
from seedream_core.data.storage.shards import ShardReader, ShardWriter
from seedream_core.errors import DataError, UserError
from seedream_core.records import Sample, safe_key
from seedream_core.report import history
from seedream_core.stages.data.ingest import IngestStage
from seedream_core.synthetic.scenes.render import png
from seedream_core.workflow import artifact, execute, states
from seedream_core.workflow.config import dump, parse
from seedream_core.workflow.host import Host

GOOD = 200


def encoded(shade: int, format: str = "PNG", size=(12, 8), mode: str = "RGB") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, (shade % 256, shade // 256, 7)).convert(mode).save(data, format)
    return data.getvalue()


def huge() -> bytes:
    """A PNG of a kilobyte that says it has 100 million pixels."""
    data = bytearray(encoded(1))
    data[16:24] = (10000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return bytes(data)


def bad(folder) -> dict[str, str]:
    """Thirty files of all kinds, and a word of the reason that each must get."""
    whole, jpeg, flipped = encoded(1), encoded(1, "JPEG"), bytearray(encoded(1))
    flipped[45] ^= 1
    wrong = {
        "empty.png": (b"", "empty"),
        "text.jpg": (b"hello", "undecodable"),
        "html.png": (b"<html>404</html>", "undecodable"),
        "svg.png": (b"<svg/>", "undecodable"),
        "cut.png": (whole[:-20], "undecodable PNG"),
        "cut.jpg": (jpeg[:-20], "undecodable"),
        "head.jpg": (jpeg[:20], "undecodable"),
        "flipped.png": (bytes(flipped), "undecodable PNG"),
        "huge.png": (huge(), "over 64 million"),
        "zeros.webp": (bytes(500), "undecodable"),
        "riff.webp": (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "undecodable"),
        "cut.gif": (b"GIF89a", "undecodable"),
        "cut.bmp": (encoded(1, "BMP")[:30], "undecodable"),
        "cut.tif": (encoded(1, "TIFF")[:40], "undecodable"),
        "pickle.png": (b"\x80\x04K\x01.", "undecodable"),
    }
    for name, (data, _) in wrong.items():
        (folder / name).write_bytes(data)
    sidecars = {
        "latin.txt": (b"caf\xe9", "neither UTF-8"),
        "zero.txt": (b"\xff\xfe\x00", "UTF-16"),
        "bytes.txt": (b"\xc3\x28\xa0\xa1x\x81", "UTF-8"),
        "long.txt": (b"a" * 70000, "over 65536"),
        "list.json": (b"[]", "no mapping"),
        "torn.json": (b'{"caption": "', "not json"),
        "nan.json": (b'{"a": NaN}', "not json"),
        "deep.json": (b'{"a":' * 30 + b"1" + b"}" * 30, "nested deeper"),
        "number.json": (b'{"caption": 5}', "no text"),
        "many.json": (b'{"captions": "all"}', "no mapping"),
        "latin.json": (b'{"caption": "caf\xe9"}', "not UTF-8"),
    }
    for name, (data, _) in sidecars.items():
        (folder / name).write_bytes(data)
        (folder / name).with_suffix(".png").write_bytes(whole)
    # latin.png serves two sidecars: one reason is enough
    (folder / "alone.txt").write_text("words")
    (folder / "alone.json").write_text("{}")
    (folder / "link.png").symlink_to(folder / "good000.png")
    os.mkfifo(folder / "pipe.png")
    os.mkdir(folder / "folder.jpg")
    (folder / "folder.jpg" / "in.png").write_bytes(b"\x89PNG")
    expected = {name: word for name, (_, word) in wrong.items()}
    expected |= {name.rpartition(".")[0] + ".png": word for name, (_, word) in sidecars.items() if name != "latin.txt"}
    return expected | {
        "alone.txt": "no picture beside it",
        "alone.json": "no picture beside it",
        "link.png": "symbolic link",
        "pipe.png": "no regular file",
        "folder.jpg/in.png": "undecodable",
    }


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A folder of good pictures with thirty bad inputs among them, and what each of those must be called."""
    folder = tmp_path_factory.mktemp("found")
    for number in range(GOOD):
        (folder / f"good{number:03d}.png").write_bytes(encoded(number))
        (folder / f"good{number:03d}.txt").write_text(f"shade {number}")
    return folder, bad(folder)


def stage(folder, **options) -> IngestStage:
    return IngestStage(
        **{"source": Source.find("folder")(path=str(folder)), "bad_budget": 1.0, "samples_per_shard": 60} | options
    )


def files(out) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in [*out.glob("shards/*"), out / "fates.jsonl"]}


def fates(out) -> dict[str, dict]:
    rows = [json.loads(line) for line in (out / "fates.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len({row["name"] for row in rows}) == len(rows)
    return {row["name"]: row for row in rows}


@pytest.fixture(scope="module")
def made(found, tmp_path_factory):
    out = tmp_path_factory.mktemp("made")
    return out, stage(found[0]).run(out, Host(workers=1))


def test_thirty_bad_inputs_have_thirty_rows_and_nothing_else_is_lost(found, made):
    expected, (out, metrics) = found[1], made
    rows = fates(out)
    quarantined = {name: row["reason"] for name, row in rows.items() if row["fate"] == "quarantined"}
    assert len(expected) == 30 and set(quarantined) == set(expected)
    assert [name for name, word in expected.items() if word not in quarantined[name]] == []
    assert (
        metrics["kept"] == GOOD == len(rows) - 30 and metrics["quarantined"] == 30 and metrics["samples"] == GOOD + 30
    )
    assert all(
        row["stage"] == "data/ingest" and row["source"] and row["key"] == safe_key(name) for name, row in rows.items()
    )
    reader = ShardReader(out)
    assert not reader.damage and len(reader) == GOOD
    samples = {
        sample.name: sample for sample in (Sample.from_json(reader.read(index)["json"]) for index in range(len(reader)))
    }
    assert all(
        samples[f"good{number:03d}.png"].captions == {"en": {"short": f"shade {number}"}} for number in range(GOOD)
    )
    index = reader.keys.index(safe_key("good007.png"))
    assert reader.read(index)["png"] == encoded(7)


@pytest.mark.parametrize("workers", [2, 4])
def test_any_number_of_processes_makes_the_same_bytes(found, made, tmp_path, workers):
    stage(found[0]).run(tmp_path, Host(workers=workers))
    assert files(tmp_path) == files(made[0])


KILLED = """
import os, signal, sys
from pathlib import Path
from seedream_core.data.storage.resumable_writer import ResumableWriter
from seedream_core.workflow.config import load_yaml, parse
from seedream_core.stages.data.ingest import IngestStage
from seedream_core.workflow.host import Host
keep = ResumableWriter.add
def add(self, *args):
    if self.done == int(sys.argv[3]):
        self.lines.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    return keep(self, *args)
ResumableWriter.add = add
parse(IngestStage, load_yaml(Path(sys.argv[1])).tree).run(Path(sys.argv[2]), Host(workers=1))
"""


def test_killed_twice_it_goes_on_to_the_same_bytes(found, made, tmp_path):
    (tmp_path / "step.yaml").write_text(json.dumps(dump(stage(found[0]))))
    (out := tmp_path / "out").mkdir()
    for step in (70, 190):
        command = [sys.executable, "-c", KILLED, str(tmp_path / "step.yaml"), str(out), str(step)]
        assert (
            subprocess.run(
                command, cwd=os.getcwd(), env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
            ).returncode
            == -9
        )
    whole = {path.name: path.stat().st_mtime_ns for path in out.glob("shards/*.tar")}
    assert len(whole) == 2
    metrics = stage(found[0]).run(out, Host(workers=1))
    assert files(out) == files(made[0]) and {key: metrics[key] for key in ("kept", "changes")} == {
        key: made[1][key] for key in ("kept", "changes")
    }
    assert all((out / "shards" / name).stat().st_mtime_ns == time for name, time in whole.items())


def test_over_the_budget_it_stops_and_says_what_to_do(found, tmp_path):
    with pytest.raises(
        DataError, match=r"3 of 230 samples are unusable so far, over the budget of 1.00%(.|\n)*bad_budget"
    ):
        stage(found[0], bad_budget=0.01).run(tmp_path, Host(workers=1))
    assert len(fates(tmp_path)) >= 3


def test_reasons_begin_with_their_kind_so_that_like_is_counted_with_like(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(3):
        (tmp_path / "in" / f"small{number}.png").write_bytes(encoded(3, size=(40, 10 + number)))
        (tmp_path / "in" / f"words{number}.png").write_bytes(encoded(3, size=(40, 20 + number)))
        (tmp_path / "in" / f"words{number}.json").write_text("[]")
    (tmp_path / "in" / "right.png").write_bytes(encoded(3, size=(40, 40)))
    stage(tmp_path / "in", width=16, height=16).run(tmp_path, Host())
    assert history.fates(tmp_path) == {
        ("kept", ""): 1,
        ("dropped", "too small"): 3,
        ("quarantined", "the json holds no mapping"): 3,
    }
    with ShardWriter(tmp_path / "tars") as writer:
        for number in range(6):
            writer.add(
                f"s{number}",
                {"png": encoded(number)} if number % 2 else {"png": encoded(number), "jpg": b"", "txt": b""},
            )
    data = bytearray((tmp_path / "tars" / "00000.tar").read_bytes())
    for number in (1, 3, 5):
        place = ShardReader(tmp_path / "tars").places(number)
        data[place.numbers[0] + 520] ^= 1
    (tmp_path / "tars" / "00000.tar").write_bytes(data)
    (tmp_path / "out").mkdir()
    one = IngestStage(source=Source.find("webdataset")(path=str(tmp_path / "tars")), bad_budget=1.0)
    with pytest.raises(DataError, match="none of 6 samples is usable"):
        one.run(tmp_path / "out", Host())
    assert history.fates(tmp_path / "out") == {("quarantined", "shard"): 3, ("quarantined", "several pictures"): 3}
    assert {row["reason"] for row in fates(tmp_path / "out").values() if "several" in row["reason"]} == {
        "several pictures: png, jpg"
    }


def test_a_size_drops_what_is_smaller(tmp_path):
    (tmp_path / "in").mkdir()
    for name, size in (("wide.png", (40, 20)), ("small.png", (40, 15)), ("right.png", (16, 16))):
        (tmp_path / "in" / name).write_bytes(encoded(3, size=size))
    one = stage(tmp_path / "in", width=16, height=16)
    one.run(tmp_path, Host())
    rows = fates(tmp_path)
    assert (
        rows["small.png"]["fate"] == "dropped" and rows["small.png"]["reason"] == "too small: 40×15 pixels, under 16×16"
    )
    assert rows["wide.png"]["fate"] == rows["right.png"]["fate"] == "kept" and one.facts({}) == {
        "width": 16,
        "height": 16,
    }
    with pytest.raises(ValueError, match="both"):
        stage(tmp_path, width=16)


@pytest.mark.parametrize(
    "size, moved, truth", [((32, 32), [0.75, 0.25, 1.0, 0.5], None), ((64, 32), [0.625, 0.25, 0.75, 0.5], {"seen": 1})]
)
def test_boxes_move_with_the_picture_they_are_of(tmp_path, size, moved, truth):
    pixels = np.zeros((64, 128, 3), np.uint8)
    pixels[16:32, 80:96] = 255
    writer = ShardWriter(tmp_path / "in")
    record = Sample(
        key="a",
        width=128,
        height=64,
        captions={},
        scores={"clarity": 0.5},
        truth={"seen": 1},
        boxes=({"kind": "logo", "box": [0.625, 0.25, 0.75, 0.5]}, {"kind": "logo", "box": [0, 0, 0.2, 1]}),
    )
    writer.add("a", {"png": png(pixels), "json": record.to_json()})
    writer.close()
    source = Source.find("webdataset")(path=str(tmp_path / "in"))
    execute.step(IngestStage(source=source, width=size[0], height=size[1]), tmp_path / "out", Host())
    members = ShardReader(tmp_path / "out").read(0)
    sample = Sample.from_json(members["json"])
    box = sample.boxes[0]["box"]
    assert box == moved and len(sample.boxes) == (1 if size == (32, 32) else 2)
    shown = np.asarray(Image.open(io.BytesIO(members["png"])).convert("L")) > 127
    left, top, right, bottom = (round(share * side) for share, side in zip(box, size * 2))
    assert shown[top:bottom, left:right].all() and shown.sum() == (right - left) * (bottom - top)
    assert sample.scores == {} and sample.truth == truth
    changes = artifact.read(tmp_path / "out").metrics["changes"]
    assert ("truth left out: of the picture before it was cropped" in changes) == (truth is None)
    assert "scores left out: of the picture before it was scaled" in changes


def test_where_a_picture_comes_from_is_read_from_its_row_its_url_or_its_folder(tmp_path):
    for name in ("a/1.png", "a/2.png", "b/c/3.png", "4.png", "c/5.png", "c/6.png", "c/7.png", "c/8.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(encoded(ord(name[0])))
    for name, row in (
        ("a/2", {"source": "mine"}),
        ("c/5", {"url": "https://four.example/5.png"}),
        ("c/6", {"source": "", "url": "https://five.example/"}),
        ("c/7", {"source": ""}),
        ("c/8", {"source": "", "width": 1, "height": 1, "captions": {}, "key": "8"}),
    ):
        (tmp_path / f"in/{name}.json").write_text(json.dumps(row))
    rows = [
        {"image": "a/1.png", "url": "https://one.example/x.png"},
        {"image": "4.png", "source": "two", "url": "https://three.example/"},
        {"image": "b/c/3.png", "url": "http://[broken"},
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def sources(source) -> list[str]:
        out = tmp_path / source.name()
        execute.step(IngestStage(source=source), out, Host())
        reader = ShardReader(out)
        return sorted(Sample.from_json(reader.read(row)["json"]).source for row in range(len(reader)))

    assert sources(Source.find("folder")(path=str(tmp_path / "in"))) == [
        "",
        "a",
        "b",
        "c",
        "c",
        "five.example",
        "four.example",
        "mine",
    ]
    assert sources(Source.find("jsonl")(path=str(tmp_path / "in.jsonl"), root=str(tmp_path / "in"))) == [
        "",
        "one.example",
        "two",
    ]


def test_what_is_left_aside_is_reported(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for number in range(3):
        (tmp_path / "in" / f"{number}.heic").write_bytes(b"x")
    with pytest.raises(DataError, match="no samples found; the source holds 3 .heic, which are not read"):
        execute.step(IngestStage(source=Source.find("folder")(path=str(tmp_path / "in"))), tmp_path / "none", Host())
    (tmp_path / "in" / "a.png").write_bytes(encoded(1))
    execute.step(IngestStage(source=Source.find("folder")(path=str(tmp_path / "in"))), tmp_path / "out", Host())
    assert "ignored besides these: 3 .heic" in capsys.readouterr().err


def test_a_source_that_changed_is_another_one(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(encoded(1))
    stage = IngestStage(source=Source.find("folder")(path=str(tmp_path / "in")))
    execute.step(stage, tmp_path / "out", Host())
    monkeypatch.chdir(tmp_path)
    assert states.state(IngestStage(source=Source.find("folder")(path="in")), tmp_path / "out").name == "done"
    (tmp_path / "in" / "b.png").write_bytes(encoded(2))
    with pytest.raises(UserError, match="out is stale: input source.path: .*in has changed"):
        execute.step(stage, tmp_path / "out", Host())


def test_two_of_one_name_are_reported_and_a_config_comes_back(tmp_path):
    (tmp_path / "x.png").write_bytes(encoded(5))
    (tmp_path / "t.jsonl").write_text('{"image": "x.png"}\n{"image": "x.png"}\n')
    one = IngestStage(source=Source.find("jsonl")(path=str(tmp_path / "t.jsonl")), bad_budget=0.5)
    assert parse(IngestStage, dump(one)) == one
    (out := tmp_path / "out").mkdir()
    one.run(out, Host())
    lines = [json.loads(line) for line in (out / "fates.jsonl").read_text().splitlines()]
    assert [(row["fate"], row["reason"], row["source"]) for row in lines] == [
        ("quarantined", "name twice: x.png is already at t.jsonl:1", "t.jsonl:2"),
        ("kept", "", "t.jsonl:1"),
    ]


def test_what_was_mended_is_read_again_and_a_name_may_be_anothers_key(tmp_path):
    (source := tmp_path / "in").mkdir()
    (out := tmp_path / "out").mkdir()
    (source / "a.png").write_bytes(b"bad")
    with pytest.raises(DataError, match="none of 1 samples is usable"):
        stage(source).run(out, Host())
    (source / "a.png").write_bytes(encoded(1))
    assert stage(source).run(out, Host())["kept"] == 1
    (tmp_path / "t.jsonl").write_text(
        "".join(json.dumps({"image": "in/a.png", "key": key}) + "\n" for key in ("a b", safe_key("a b")))
    )
    one = IngestStage(source=Source.find("jsonl")(path=str(tmp_path / "t.jsonl")), bad_budget=0.5)
    assert one.run(out, Host())["quarantined"] == 1


def test_an_edited_table_begins_anew(tmp_path):
    (tmp_path / "x.png").write_bytes(encoded(5))
    (out := tmp_path / "out").mkdir()
    one = IngestStage(source=Source.find("jsonl")(path=str(tmp_path / "t.jsonl")), samples_per_shard=1)
    for word in ("old", "new"):
        (tmp_path / "t.jsonl").write_text(
            "".join(json.dumps({"image": "x.png", "key": key, "caption": word}) + "\n" for key in "ab")
        )
        one.run(out, Host())
    reader = ShardReader(out)
    assert [Sample.from_json(reader.read(index)["json"]).captions["en"]["short"] for index in range(2)] == [
        "new",
        "new",
    ]


def test_a_picture_too_large_for_a_shard_is_quarantined(tmp_path, monkeypatch):
    (tmp_path / "a.bmp").write_bytes(encoded(1, "BMP", (64, 64)))
    (tmp_path / "b.png").write_bytes(encoded(1))
    (out := tmp_path / "out").mkdir()
    monkeypatch.setattr("seedream_core.data.storage.shards.MEMBER_BYTES", 100)
    stage(tmp_path).run(out, Host())
    assert (
        fates(out)["a.bmp"]["reason"].endswith("bytes in the normal form (BMP to PNG), over 100")
        and fates(out)["b.png"]["fate"] == "kept"
    )


def test_the_command_needs_no_file_and_curate_goes_on_from_it(found, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def command(*arguments):
        result = CliRunner().invoke(app, list(map(str, arguments)))
        return result.exit_code, result.output

    ingest = ("data", "ingest", "--set", "source.name=folder", "--set", f"source.path={found[0]}", "--out", "crawl")
    code, said = command(*ingest)
    assert code == 1 and "over the budget of 0.10%" in said and "Traceback" not in said
    code, said = command(*ingest, "--set", "bad_budget=0.2")
    assert code == 0, said
    code, said = command("data", "curate", "--set", "data=crawl", "--set", "filters=[caption]", "--out", "kept")
    assert code == 0 and len(fates(tmp_path / "crawl")) == GOOD + 30, said
    code, said = command(
        "data", "ingest", "--set", "source.name=foldr", "--set", f"source.path={found[0]}", "--out", "no"
    )
    assert code == 2 and "folder" in said and not (tmp_path / "no").exists()


def test_parquet_on_two_processes_makes_the_same_bytes_as_on_one(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pictures = [b"" if number == 60 else b"bad" if number == 70 else encoded(number) for number in range(100)]
    pq.write_table(
        pa.table({"key": [f"k{number}" for number in range(100)], "jpg": pictures, "caption": ["红色"] * 100}),
        tmp_path / "t.parquet",
        row_group_size=40,
    )
    one = IngestStage(
        source=Source.find("parquet")(path=str(tmp_path / "t.parquet")), bad_budget=0.1, samples_per_shard=30
    )
    for workers in (1, 2):
        (out := tmp_path / str(workers)).mkdir()
        assert one.run(out, Host(workers=workers))["kept"] == 98
    assert files(tmp_path / "1") == files(tmp_path / "2")
    rows = fates(tmp_path / "1")
    assert (
        "no picture is named" in rows["k60"]["reason"]
        and "undecodable" in rows["k70"]["reason"]
        and rows["k60"]["source"] == "t.parquet:61"
    )


def test_retry_takes_over_what_was_kept_and_tries_the_rest_again(found, tmp_path, monkeypatch):
    from seedream_core.workflow.execute import step

    folder = tmp_path / "in"
    shutil.copytree(
        found[0], folder, symlinks=True, ignore=lambda _, names: [name for name in names if name == "pipe.png"]
    )
    first = stage(folder, width=8, height=8)
    step(first, tmp_path / "first", Host(workers=1))
    for name in ("cut.png", "text.jpg", "huge.png"):
        (folder / name).write_bytes(encoded(99, size=(20, 20)))
    (folder / "alone.png").write_bytes(encoded(98))  # its captions had no picture
    os.remove(folder / "alone.json")
    os.remove(folder / "cut.tif")
    fresh = stage(folder, width=8, height=8)
    fresh_metrics = step(fresh, tmp_path / "fresh", Host(workers=1)).metrics
    read = []
    monkeypatch.setattr(
        type(first.source),
        "read",
        lambda self, item, read_=type(first.source).read: (read.append(item.name), read_(self, item))[1],
    )
    again = stage(folder, width=8, height=8, retry=tmp_path / "first")
    metrics = step(again, tmp_path / "again", Host(workers=1)).metrics
    assert files(tmp_path / "again") == files(tmp_path / "fresh")
    assert sorted(read) == sorted(
        [name for name in found[1] if name not in ("alone.txt", "alone.json", "link.png", "cut.tif", "pipe.png")]
        + ["alone.png"]
    )
    assert (metrics["retried"], metrics["mended"]) == (25, 3) and metrics["changes"] == fresh_metrics["changes"]
    # A chain: of what is still bad, one more is mended; the samples in shards of the first run are taken over again.
    (folder / "cut.gif").write_bytes(encoded(97))
    metrics = step(
        stage(folder, width=8, height=8, retry=tmp_path / "again"), tmp_path / "third", Host(workers=2)
    ).metrics
    step(stage(folder, width=8, height=8), tmp_path / "whole", Host(workers=1))
    assert files(tmp_path / "third") == files(tmp_path / "whole") and (metrics["retried"], metrics["mended"]) == (22, 1)
    assert metrics["changes"]["scaled to 8×8"] == metrics["kept"] == GOOD + 5


def test_retry_of_a_run_that_stopped_over_its_budget(found, tmp_path):
    from seedream_core.workflow.execute import step

    (folder := tmp_path / "in").mkdir()
    for number in range(GOOD):
        (folder / f"good{number:03d}.png").write_bytes(encoded(number) if number != 150 else b"bad")
    with pytest.raises(DataError, match="over the budget"):
        step(stage(folder, bad_budget=0.0), tmp_path / "first", Host(workers=1))
    assert len(list((tmp_path / "first" / "shards").glob("*.tar"))) == 2
    (folder / "good150.png").write_bytes(encoded(150))
    metrics = step(
        stage(folder, bad_budget=0.0, retry=tmp_path / "first"), tmp_path / "second", Host(workers=1)
    ).metrics
    step(stage(folder), tmp_path / "fresh", Host(workers=1))
    assert files(tmp_path / "second") == files(tmp_path / "fresh") and (metrics["retried"], metrics["mended"]) == (1, 1)
    (folder / "new.png").write_bytes(encoded(1))
    with pytest.raises(UserError, match="does not know new.png"):
        step(stage(folder, retry=tmp_path / "second"), tmp_path / "third", Host(workers=1))
