"""Stage generate/images: one numbered picture per prompt and copy, and what was asked beside it."""

import json
from dataclasses import replace

import pytest

from seedream_core.errors import ConfigError, UserError
from seedream_core.flow.solvers.heun import Heun
from seedream_core.generate import metadata, requests
from seedream_core.stages.generate.images import ImagesStage
from seedream_core.workflow.config import dump, parse
from seedream_core.workflow.host import Host

HOST = Host(precision="f32", accelerator="cpu")


def rows(out):
    return [json.loads(line) for line in (out / "prompts.jsonl").read_text(encoding="utf-8").splitlines()]


def test_evaluation_prompts_with_what_they_ask(tmp_path, tiny_generator):
    stage = ImagesStage(model=tiny_generator, evaluation=6, seed=3, steps=1, guidance=1.0, size=(32, 32), solver=Heun())
    metrics = stage.run(tmp_path, HOST)
    assert metrics["pictures"] == 6 and metrics["seconds_per_image"] > 0
    made = rows(tmp_path)
    assert [row["file"] for row in made] == [f"{index:05d}.png" for index in range(6)]
    assert [row["kind"] for row in made[:3]] == ["one", "several", "pair"] and {row["language"] for row in made} == {
        "en",
        "zh",
    }
    assert all(row["asked"]["things"] for row in made)
    last = metadata.origin(tmp_path / "images/00005.png").request
    assert (last.prompt, last.seed, last.width, last.steps, last.guidance, last.solver) == (
        made[5]["prompt"],
        8,
        32,
        1,
        1.0,
        "heun",
    )
    assert metadata.load(tmp_path / "grid.png").shape == (2 * 32 + 2, 3 * 32 + 4, 3)


def test_a_prompt_file_with_copies_in_one_row(tmp_path, tiny_generator):
    (tmp_path / "p.txt").write_text("red\n蓝\n", encoding="utf-8")
    stage = ImagesStage(model=tiny_generator, prompts=tmp_path / "p.txt", count=3)
    assert stage.facts({"model": {"width": 64, "height": 64}, "prompts": {}}) == {
        "samples": 6,
        "width": 64,
        "height": 64,
    }
    stage.run(tmp_path / "out", Host(precision="f32", accelerator="cpu", micro_batch=4))
    assert [row["prompt"] for row in rows(tmp_path / "out")] == ["red"] * 3 + ["蓝"] * 3
    assert metadata.load(tmp_path / "out/grid.png").shape == (130, 196, 3)


def test_an_interrupted_run_draws_only_what_is_missing_or_was_drawn_another_way(tmp_path, tiny_generator, monkeypatch):
    stage = ImagesStage(model=tiny_generator, evaluation=6, seed=3, steps=1)
    stage.run(tmp_path, HOST)
    whole = {path.name: path.read_bytes() for path in (tmp_path / "images").iterdir()}
    (tmp_path / "images/00004.png").unlink()
    other = metadata.origin(tmp_path / "images/00002.png")
    metadata.save(
        tmp_path / "images/00002.png",
        metadata.load(tmp_path / "images/00001.png"),
        replace(other, request=replace(other.request, steps=2)),
    )
    drawn = []
    real = requests.draw
    monkeypatch.setattr(requests, "draw", lambda sampler, rows: drawn.extend(rows) or real(sampler, rows))
    stage.run(tmp_path, HOST)
    assert [request.seed for request in drawn] == [5, 7]
    assert {path.name: path.read_bytes() for path in (tmp_path / "images").iterdir()} == whole


def test_held_out_pairs(tiny_generator):
    seen, unseen = (
        ImagesStage(model=tiny_generator, evaluation=12, held_out=held_out)._lines()[0] for held_out in (False, True)
    )
    assert len(seen) == len(unseen) == 12 and seen != unseen


def test_a_bad_prompt_file_is_found_when_the_recipe_is_planned(tmp_path, tiny_generator):
    (tmp_path / "p.jsonl").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match="p.jsonl:1: not JSON"):
        ImagesStage(model=tiny_generator, prompts=tmp_path / "p.jsonl").facts({"model": {}})


@pytest.mark.parametrize(
    "options, message",
    [({"guidance": 3.0}, "distilled to draw without guidance"), ({"size": (65, 64)}, "width 65 is not a multiple")],
)
def test_what_the_model_cannot_draw_is_found_when_the_recipe_is_planned(tiny_generator, options, message):
    facts = {"width": 64, "height": 64, "factor": 16, "guidance_distilled": True}
    with pytest.raises(ValueError, match=message):
        ImagesStage(model=tiny_generator, evaluation=6, **options).facts({"model": facts, "prompts": None})


def test_prompts_or_evaluation():
    for tree in ({"model": "x/y"}, {"model": "x/y", "prompts": "p.txt", "evaluation": 3}):
        with pytest.raises(ConfigError, match="give either prompts"):
            parse(ImagesStage, tree)
    with pytest.raises(ConfigError, match="did you mean 'heun'"):
        parse(ImagesStage, {"model": "x/y", "evaluation": 3, "solver": "huen"})


def test_config_round_trip():
    stage = parse(ImagesStage, {"model": "x/y", "evaluation": 3, "solver": "heun", "size": [64, 32]})
    assert parse(ImagesStage, dump(stage)) == stage
