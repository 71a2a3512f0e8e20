"""`seedream generate`, from a prompt to a file that can be made again."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy
import pytest
from PIL import Image, PngImagePlugin
from typer.testing import CliRunner

from seedream_cli.main import app
from seedream_core.flow.guidance.rescaled import RescaledGuidance
from seedream_core.flow.solvers import Solver
from seedream_core.generate import metadata
from seedream_core.pipeline.sampler import Sampler
from seedream_core.stages.generate.images import ImagesStage
from seedream_core.workflow import artifact
from seedream_core.workflow.host import Host

PROMPT = "灰色背景上有三个紫色十字"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, tiny_generator):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEEDREAM_MODEL", str(tiny_generator))
    return tmp_path


def generate(*arguments, ok=True, **options):
    result = CliRunner().invoke(app, ["generate", *map(str, arguments)], **options)
    if ok:
        assert result.exit_code == 0, result.output + str(result.exception)
    return result


def apart(first, second) -> int:
    return int(abs(metadata.load(Path(first)).astype(int) - metadata.load(Path(second)).astype(int)).max())


def test_one_prompt_to_one_file(here, tiny_generator):
    result = generate(PROMPT, "--out", "new/x.png", "--seed", 7)
    assert result.stdout == "new/x.png\n"
    assert "1 picture · seed 7 · 64x64 · 4 steps · guidance 2" in result.stderr
    with Image.open("new/x.png") as image:
        assert image.size == (64, 64)
        assert image.text["prompt"] == PROMPT and image.text["seed"] == "7" and image.text["size"] == "64x64"
        assert image.text["steps"] == "4" and float(image.text["guidance"]) == 2.0
        assert image.text["model_digest"] == artifact.read(tiny_generator).digest and image.text["version"]


def test_without_out_the_name_comes_from_the_prompt(here):
    assert generate("An orange star!").stdout == "an-orange-star.png\n"
    assert generate("An orange star!").stdout == "an-orange-star-2.png\n"


def test_a_folder_in_prompt_order_with_a_grid(here):
    result = generate("red", "blue", "--count", 2, "--out", "d", "--seed", 5)
    assert sorted(path.name for path in (here / "d").iterdir()) == [
        "00000.png",
        "00001.png",
        "00002.png",
        "00003.png",
        "grid.png",
    ]
    made = [metadata.origin(here / "d" / f"{index:05d}.png").request for index in range(4)]
    assert [(request.prompt, request.seed) for request in made] == [("red", 5), ("red", 6), ("blue", 7), ("blue", 8)]
    with Image.open("d/grid.png") as image:
        assert image.size == (130, 130)
    assert result.stdout == "d\n" and "pictures 4/4" in result.stderr


def test_one_picture_in_a_folder_has_no_grid(here):
    generate("red", "--out", "d")
    assert [path.name for path in (here / "d").iterdir()] == ["00000.png"]


def test_a_batch_does_not_change_a_picture(here):
    generate(PROMPT, "a red circle on a white background, tiny", "red", "--out", "d", "--seed", 3)
    for index, prompt in enumerate([PROMPT, "a red circle on a white background, tiny", "red"]):
        generate(prompt, "--seed", 3 + index, "--out", f"{index}.png")
        assert apart(f"{index}.png", f"d/{index:05d}.png") <= 1
    assert apart("0.png", "1.png") > 10


def test_pictures_drawn_at_once_are_those_drawn_alone(here):
    generate("red", "blue", "green", "--out", "alone", "--seed", 3)
    generate("red", "blue", "green", "--out", "together", "--seed", 3, "--batch", 2)
    for index in range(3):
        name = f"{index:05d}.png"
        assert metadata.origin(here / "alone" / name) == metadata.origin(here / "together" / name)
        assert apart(f"alone/{name}", f"together/{name}") <= 1


def test_a_size_that_the_model_was_not_trained_at_is_drawn_with_a_warning(here):
    said = "size 32x64: this model was trained at 64x64; other sizes may not show the prompt\n"
    assert said in generate("red", "--size", "32x64", "--out", "a.png").stderr
    assert "trained at" not in generate("red", "--size", "64x64", "--out", "b.png").stderr


def test_a_size_beyond_memory_is_refused_before_anything_is_drawn(here, monkeypatch):
    monkeypatch.setattr(Sampler, "images", lambda *_, **__: pytest.fail("drawn"))
    result = generate("red", "--size", "100000x100000", "--out", "a.png", ok=False)
    assert result.exit_code == 1 and not Path("a.png").exists()
    assert "size 100000x100000: about " in result.stderr and "GiB of memory are needed, and" in result.stderr
    assert "give a smaller size; this model was trained at 64x64" in result.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_stopped_run_says_what_was_written_and_leaves_nothing_half_done(here, number, code):
    Path("p.txt").write_text("a red circle\n" * 5000)
    root = str(Path(artifact.__file__).parents[2])
    command = [sys.executable, "-m", "seedream_cli", "generate", "--prompts", "p.txt", "--out", "d"]
    child = subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": root},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while not Path("d/00001.png").is_file() and child.poll() is None:
        time.sleep(0.05)
    child.send_signal(number)
    _, said = child.communicate(timeout=60)
    assert child.returncode == code and "Traceback" not in said
    pictures = sorted(path.name for path in Path("d").iterdir())
    name = "stopped by SIGTERM" if number == signal.SIGTERM else "stopped"
    assert f"{name}; {len(pictures)} pictures written, the last one d/{pictures[-1]}\n" in said
    assert "the same command draws all of them again" in said
    for picture in pictures:
        metadata.load(here / "d" / picture)


def test_every_setting_reaches_the_picture_and_its_metadata(here):
    generate("red", "--out", "a.png")
    for name, flags in {
        "size": ("--size", "32x64"),
        "steps": ("--steps", 2),
        "guidance": ("--guidance", 1),
        "solver": ("--solver", "heun"),
        "seed": ("--seed", 1),
    }.items():
        generate("red", "--out", f"{name}.png", *flags)
        assert metadata.origin(here / f"{name}.png") != metadata.origin(here / "a.png")
        assert metadata.load(here / f"{name}.png").tobytes() != metadata.load(here / "a.png").tobytes()
    assert metadata.load(here / "size.png").shape == (64, 32, 3)


def test_no_metadata(here):
    generate("red", "--out", "a.png", "--no-metadata")
    assert b"iTXt" not in (here / "a.png").read_bytes()


def test_from_makes_it_again_bit_for_bit(here):
    generate(
        PROMPT, "--out", "a.png", "--seed", 9, "--steps", 3, "--guidance", 1.7, "--size", "64x32", "--solver", "heun"
    )
    result = generate("--from", "a.png", "--out", "b.png")
    assert "the same as a.png, bit for bit" in result.stderr
    assert (here / "a.png").read_bytes() == (here / "b.png").read_bytes()


def test_from_a_picture_of_another_guidance_rule_makes_it_again(here, tiny_generator):
    (here / "prompts.txt").write_text(PROMPT, encoding="utf-8")
    for folder, rule in (("plain", None), ("ruled", RescaledGuidance())):
        stage = ImagesStage(model=tiny_generator, prompts=here / "prompts.txt", guidance=4.0, guidance_rule=rule)
        stage.run(here / folder, Host(precision="f32", accelerator="cpu", threads=1))
    assert apart("plain/images/00000.png", "ruled/images/00000.png") > 0
    result = generate("--from", "ruled/images/00000.png", "--out", "b.png")
    assert "the same as ruled/images/00000.png, bit for bit" in result.stderr
    assert "'guidance_rule': {'name': 'rescaled'}" in str(json.loads((here / "ruled/prompts.jsonl").read_text()))


def test_from_makes_a_stochastic_picture_again_with_the_solvers_options(here):
    options = '{"name": "stochastic_euler", "noise": 0.4}'
    generate("red", "--out", "a.png", "--solver", options)
    assert "the same as a.png, bit for bit" in generate("--from", "a.png", "--out", "b.png").stderr
    generate("red", "--out", "c.png", "--solver", "stochastic_euler")
    assert (here / "a.png").read_bytes() != (here / "c.png").read_bytes()


def test_help_names_every_solver():
    shown = " ".join(generate("--help", env={"COLUMNS": "200"}).output.split())
    assert f"{', '.join(Solver.names()[:-1])} or {Solver.names()[-1]} (default: euler)" in shown


def test_from_onto_itself_is_held_against_what_was_there(here):
    generate("red", "--out", "a.png", "--seed", 9)
    made = metadata.origin(here / "a.png")
    metadata.save(here / "a.png", 255 - metadata.load(here / "a.png"), made)
    assert "differs from a.png by at most" in generate("--from", "a.png", "--out", "a.png").stderr


@pytest.mark.parametrize("harm", [{"steps": "0"}, {"seed": "-1"}, {"guidance": "nan"}, {"prompt": "x" * 3_000_000}])
def test_from_a_picture_whose_description_was_tampered_with(here, harm):
    generate("red", "--out", "a.png")
    with Image.open("a.png") as image:
        texts, info = dict(image.text) | harm, PngImagePlugin.PngInfo()
        for key, text in texts.items():
            info.add_itxt(key, text, zip=True)
        image.save("a.png", pnginfo=info)
    result = generate("--from", "a.png", "--out", "b.png", ok=False)
    assert result.exit_code == 1 and "a.png" in result.stderr and "Traceback" not in result.output


def test_from_a_picture_that_was_resized(here):
    generate("red", "--out", "a.png")
    made = metadata.origin(here / "a.png")
    metadata.save(here / "a.png", metadata.load(here / "a.png")[:32], made)
    assert "has been resized" in generate("--from", "a.png", "--out", "b.png").stderr


def test_from_takes_changes(here):
    generate("red", "--out", "a.png", "--seed", 9)
    result = generate("--from", "a.png", "--out", "b.png", "--seed", 10, "--size", "32x32")
    made = metadata.origin(here / "b.png").request
    assert (made.prompt, made.seed, made.width, made.height) == ("red", 10, 32, 32)
    assert "bit for bit" not in result.stderr


def test_from_says_when_the_model_is_another_one(here, tiny_generator):
    other = here / "tiny"
    shutil.copytree(tiny_generator.parent, other)
    weights = numpy.fromfile(other / "generator/network/weights.safetensors", numpy.uint8)
    weights[-2:] ^= 1
    weights.tofile(other / "generator/network/weights.safetensors")
    (other / "generator" / artifact.MANIFEST).unlink()
    artifact.finish(
        other / "generator",
        kind="generator",
        stage="tests/tiny",
        fingerprint="",
        inputs={},
        facts={},
        metrics={},
        seconds=0,
    )
    generate("red", "--out", "a.png")
    result = generate("--from", "a.png", "--model", other / "generator", "--out", "b.png")
    assert "was made by another model" in result.stderr


def test_prompt_file_rows_override_the_command_line(here):
    Path("p.jsonl").write_text(
        '{"prompt": "red", "seed": 4, "size": "32x32", "steps": 1, "guidance": 1}\n"blue"\n', encoding="utf-8"
    )
    generate("--prompts", "p.jsonl", "--out", "d", "--seed", 1, "--count", 2, "--steps", 2)
    made = [metadata.origin(here / "d" / f"{index:05d}.png").request for index in range(4)]
    assert [(request.seed, request.width, request.steps, request.guidance) for request in made] == [
        (4, 32, 1, 1.0),
        (5, 32, 1, 1.0),
        (3, 64, 2, 2.0),
        (4, 64, 2, 2.0),
    ]


def test_prompts_from_standard_input(here):
    generate("--prompts", "-", "--out", "d", input="红\nblue\n")
    assert metadata.origin(here / "d/00000.png").request.prompt == "红"


def test_unknown_words_get_one_line_and_their_picture(here):
    result = generate("一只猫", "--out", "a.png")
    lines = [line for line in result.stderr.splitlines() if "只猫" in line]
    assert len(lines) == 1 and "background" in lines[0] and "背景" in lines[0]
    assert (here / "a.png").exists()
    assert "never met" not in generate(PROMPT, "--out", "b.png").stderr


@pytest.mark.parametrize(
    "arguments, message, code",
    [
        ((), "nothing to draw", 1),
        (("red", "--prompts", "p.txt"), "prompts and --prompts at once", 1),
        (("red", "--size", "big"), "--size: “big” is not a size", 2),
        (("red", "--size", "60x64"), "60", 1),
        (("red", "--solver", "eular"), "did you mean 'euler'", 2),
        (("red", "blue", "--out", "x.png"), "names one picture, but 2 are asked for", 1),
        (("red", "--model", "nowhere"), "nowhere: no such folder", 1),
        (("--prompts", "none.txt"), "none.txt: No such file", 1),
        (("--from", "none.png"), "none.png: no such file", 1),
        (("red", "--config", "a.yaml"), "no stage 'red' under `seedream generate`", 2),
        (("--seed", "3", "--config", "a.yaml"), "--config takes prompts and settings from its file", 1),
        (("red", "--steps", "0"), "Invalid value for '--steps'", 2),
        (("red \udcff",), "not valid UTF-8", 1),
        (("red", "--out", "x" * 260 + ".png"), "cannot be written", 1),
    ],
)
def test_mistakes_are_one_message(arguments, message, code):
    result = generate(*arguments, ok=False)
    assert result.exit_code == code and message in result.stderr and "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_no_model_at_all(monkeypatch, here):
    monkeypatch.delenv("SEEDREAM_MODEL")
    monkeypatch.setattr("importlib.resources.files", lambda package: here)
    result = generate("red", ok=False)
    assert result.exit_code == 1 and "no model to draw with" in result.stderr and "--model" in result.stderr
