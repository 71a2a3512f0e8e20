"""`data inspect` shows what an artifact holds, `data why` what became of one sample; mistakes are one message."""

import io
import json
import os
import re

import pytest
from PIL import Image
from typer.testing import CliRunner

from seedream_cli.inspection import _plain
from seedream_cli.main import app
from seedream_core.records import safe_key

STAR = "白色背景上有一个橙色五角星"


def look(*arguments):
    result = CliRunner().invoke(app, ["data", *map(str, arguments)], env={"COLUMNS": "200"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    """A folder taken in and curated: one good picture, one flat one, one that is none."""
    home = tmp_path_factory.mktemp("inspect")
    (home / "in").mkdir()
    patches = Image.effect_noise((8, 8), 80).resize((64, 64), Image.Resampling.NEAREST).convert("RGB")
    for name, image in (("星.png", patches), ("flat.png", Image.new("RGB", (64, 64), "red"))):
        data = io.BytesIO()
        image.save(data, "PNG")
        (home / "in" / name).write_bytes(data.getvalue())
        (home / "in" / name).with_suffix(".txt").write_text(STAR, encoding="utf-8")
    (home / "in" / "broken.png").write_bytes(b"none")
    code, said = look(
        "ingest",
        "--set",
        "source.name=folder",
        "--set",
        f"source.path={home / 'in'}",
        "--set",
        "bad_budget=0.5",
        "--out",
        home / "crawl",
    )
    assert code == 0, said
    code, said = look("curate", "--set", f"data={home / 'crawl'}", "--out", home / "kept")
    assert code == 0, said
    return home


def test_inspect_shows_a_sample_its_fields_and_the_counts(artifacts):
    code, said = look("inspect", artifacts / "crawl")
    assert code == 0 and STAR in said and "64×64" in said and "▀" * 32 in said
    assert "quarantined" in said and "undecodable picture" in said and "33.33%" in said and "2 samples" in said
    code, said = look("inspect", artifacts / "kept", "星.png")
    assert code == 0 and "sharpness" in said and "uniform" in said and safe_key("星.png") in said


def test_why_tells_the_whole_story(artifacts):
    code, said = look("why", artifacts / "kept", "星.png")
    rows = [line.split()[:3] for line in said.splitlines() if "data/" in line]
    assert code == 0 and rows == [["crawl", "data/ingest", "kept"], ["kept", "data/curate", "kept"]] and STAR in said
    code, said = look("why", artifacts / "kept", safe_key("flat.png"))
    assert code == 0 and "flat.png" in said and "dropped" in said and "uniform:" in said and STAR not in said
    code, said = look("why", artifacts / "kept", "broken.png")
    assert code == 0 and "quarantined" in said and "undecodable" in said


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("why", "{}/kept", "nobody"), "no sample 'nobody' in it or in what it was made from"),
        (("inspect", "{}/kept", "flat.png"), "no sample 'flat.png' is kept there"),
        (("why", "{}/kept"), "seedream data why ARTIFACT KEY"),
        (("inspect",), "seedream data inspect ARTIFACT [KEY]"),
        (("inspect", "{}/in"), "no artifact"),
        (("ingest", "photos"), "given with --set or --config"),
    ],
)
def test_mistakes_are_one_message(artifacts, arguments, message):
    code, said = look(*(argument.format(artifacts) for argument in arguments))
    assert code in (1, 2) and message in said and "Traceback" not in said


def test_names_from_outside_are_no_markup_and_thin_pictures_stay_small(tmp_path):
    Image.linear_gradient("L").resize((1, 900)).save(tmp_path / "thin.png")
    (tmp_path / "t.jsonl").write_text('{"image": "thin.png"}\n{"key": "[/b]", "image": "[red].png"}\n')
    code, said = look(
        "ingest",
        "--set",
        "source.name=jsonl",
        "--set",
        f"source.path={tmp_path / 't.jsonl'}",
        "--set",
        "bad_budget=0.5",
        "--out",
        tmp_path / "out",
    )
    assert code == 0, said
    code, said = look("inspect", tmp_path / "out")
    assert code == 0 and "not there" in said and len(said.splitlines()) < 60
    code, said = look("why", tmp_path / "out", "[/b]")
    assert code == 0 and "not there: [red].png" in said


def test_spaces_of_any_width_are_shown_and_nothing_that_a_terminal_obeys():
    assert _plain("全角\u3000空格\u00a0\u202f星\n") == "全角\u3000空格\u00a0\u202f星\n"
    assert _plain("\x1b[31m\u202e\udcff\u2028") == "\ufffd[31m" + 3 * "\ufffd"


def test_a_step_that_stopped_tells_so_far(artifacts, tmp_path):
    options = ("--set", "source.name=folder", "--set", f"source.path={artifacts / 'in'}", "--out", tmp_path / "crawl")
    code, said = look("ingest", *options)
    assert code == 1 and "over the budget" in said
    code, said = look("why", tmp_path / "crawl", "broken.png")
    assert (
        code == 0
        and "crawl (not finished)" in said
        and "data/ingest" in said
        and "quarantined" in said
        and "undecodable" in said
    )
    code, said = look("inspect", tmp_path / "crawl")
    assert code == 0 and "data/ingest is not finished; samples so far: 1" in said and "undecodable picture" in said
    code, said = look("inspect", tmp_path / "crawl", "broken.png")
    assert code == 1 and "no sample 'broken.png' is kept there" in said
    code, said = look("inspect", tmp_path / "crawl", "a copy.png")
    assert code == 1 and "crawl 'a copy.png' shows where it was dropped" in said
    code, said = look("why", tmp_path / "crawl", "星.png")
    assert code == 1 and "no sample '星.png'" in said
    (tmp_path / "crawl" / "fates.jsonl").unlink()
    code, said = look("inspect", tmp_path / "crawl")
    assert code == 1 and "not finished" in said


def test_they_are_listed_beside_the_stages_and_explained():
    assert "inspect" in look()[1] and "why" in look("--help")[1]
    assert "seedream data why ARTIFACT KEY" in look("why", "--help")[1]
    assert "ingest" in look("ingst", "--out", "x")[1]


def test_a_tuple_is_shown_whole_and_leads_back_to_its_picture(artifacts):
    pair = '[{"name": "inpainting"}, {"name": "low_resolution"}]'
    code, said = look(
        "pairs", "--set", f"data={artifacts / 'kept'}", "--set", f"pairs={pair}", "--out", artifacts / "pairs"
    )
    assert code == 0, said
    key = f"{safe_key('星.png')}-0-0-inpainting"
    code, said = look("inspect", artifacts / "pairs", key)
    assert code == 0 and "instruction" in said and "fill the grey area" in said
    assert (
        re.search(r"task +inpainting", said)
        and re.search(r"reference ref0.png 64×64", said)
        and re.search(r"mask editmask.png +64×64, \d+% may change", said)
    )
    code, said = look("why", artifacts / "pairs", key)
    rows = [line.split()[:3] for line in said.splitlines() if "data/" in line]
    assert code == 0 and rows == [
        ["crawl", "data/ingest", "kept"],
        ["kept", "data/curate", "kept"],
        ["pairs", "data/pairs", "kept"],
    ]
    assert f"{key} (星.png)" in said and "fill the grey area" in said
    for step, names in {"kept": {"星.png", "flat.png"}, "pairs": {"星.png"}}.items():
        assert {json.loads(line)["name"] for line in open(artifacts / step / "fates.jsonl", encoding="utf-8")} == names


def test_boxes_are_listed_by_kind_and_place(artifacts, tmp_path):
    from seedream_core.data.storage.shards import ShardReader, ShardWriter
    from seedream_core.records import Sample
    from seedream_core.workflow import artifact

    boxes = (
        {"kind": "text", "box": [0, 0.5, 1, 0.625], "score": 0.9, "text": "大吉"},
        {"kind": "[logo]", "box": [0, 0, 0.1, 0.1]},
        {"box": "x"},
        7,
    )
    with ShardWriter(tmp_path / "shards") as writer:
        members = ShardReader(artifacts / "kept").read(0)
        writer.add(
            "a", members | {"json": Sample(key="a", width=64, height=64, captions={}, boxes=boxes * 9).to_json()}
        )
    artifact.finish(
        tmp_path, kind="shards", stage="data/x", fingerprint="", inputs={}, facts={}, metrics={}, seconds=0.0
    )
    code, said = look("inspect", tmp_path)
    assert code == 0 and "text 0.90 “大吉” at 0%, 50% to 100%, 62%" in said and "[logo] at 0%, 0% to 10%, 10%" in said
    assert "… 14 more" in said and "18 invalid boxes" in said


def test_text_from_outside_commands_no_terminal(tmp_path):
    (tmp_path / "in").mkdir()
    Image.effect_noise((64, 64), 80).save(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "a.txt").write_text("red \x1b]0;mine\x07\x1b[2Jstar")
    for name in (b"odd\xff.png", b"\x1b[31mred.png"):
        with open(os.path.join(os.fsencode(tmp_path / "in"), name), "wb") as file:
            file.write(b"none")
    code, said = look(
        "ingest",
        "--set",
        "source.name=folder",
        "--set",
        f"source.path={tmp_path / 'in'}",
        "--set",
        "bad_budget=0.9",
        "--out",
        tmp_path / "out",
    )
    assert code == 0, said
    keys = [json.loads(line)["key"] for line in open(tmp_path / "out" / "fates.jsonl")]
    assert len(keys) == 3
    for arguments in (("inspect", tmp_path / "out"), *(("why", tmp_path / "out", key) for key in keys)):
        code, said = look(*arguments)
        assert (
            code == 0
            and "\x1b]" not in said
            and "\x1b[2J" not in said
            and "\x1b[31mred" not in said
            and "\x07" not in said
        ), said
        said.encode()
