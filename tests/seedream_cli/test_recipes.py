"""`seedream run` and a stage's own command, over a recipe of one quick stage."""

import pytest
from typer.testing import CliRunner

from seedream_cli.main import app
from seedream_core.workflow import artifact
from seedream_core.workflow.launch.inline import Inline


@pytest.fixture
def recipe(tmp_path, monkeypatch, tiny_generator):
    monkeypatch.chdir(tmp_path)
    # Children would each import torch again; the launchers have tests of their own.
    monkeypatch.setattr("seedream_core.workflow.execute._process", Inline)
    file = tmp_path / "small.yaml"
    file.write_text(
        "\n".join(
            [
                "steps:",
                f"  seen: {{run: generate/images, model: {tiny_generator}, evaluation: 6, steps: 1}}",
                f"  unseen: {{run: generate/images, model: {tiny_generator}, evaluation: 6, held_out: true}}",
            ]
        ),
        encoding="utf-8",
    )
    return file


def invoke(*arguments, code=0):
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert result.exit_code == code, result.output + str(result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def test_plan_run_and_run_again(recipe, tmp_path):
    plan = invoke("run", recipe, "--dry-run").stdout
    assert "generate/images" in plan and plan.count(" new ") == 2 and "2 of 2 steps to run" in plan
    assert not (tmp_path / "runs").exists()
    assert "pictures 6" in invoke("run", recipe).stdout
    assert artifact.read(tmp_path / "runs/small/seen", "images").facts == {"samples": 6, "width": 64, "height": 64}
    assert "nothing to do: all 2 steps of small are done" in invoke("run", recipe).stdout
    assert invoke("run", recipe, "--status").stdout.count(" done ") == 2


def test_a_change_is_refused_as_stale_naming_the_key(recipe):
    invoke("run", recipe, "--only", "seen")
    result = invoke("run", recipe, "--set", "seen.steps=2", code=1)
    assert "step seen is stale: steps: 1 -> 2" in result.stderr and "--redo seen" in result.stderr
    assert "seen is stale: steps: 1 -> 2" in invoke("run", recipe, "--set", "seen.steps=2", "--status").stdout
    assert "kept as" in invoke("run", recipe, "--set", "seen.steps=2", "--redo", "seen", "--only", "seen").stdout


def test_from_and_out(recipe, tmp_path):
    invoke("run", recipe, "--from", "unseen", "--out", tmp_path / "elsewhere")
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["unseen"]


def test_a_plan_is_of_the_whole_recipe_and_reads_the_host_file(recipe):
    assert "whole recipe" in invoke("run", recipe, "--dry-run", "--from", "unseen", code=1).stderr
    assert "nofile.yaml" in invoke("run", recipe, "--status", "--host", "nofile.yaml", code=2).stderr


def test_slurm_prints_what_it_would_submit(recipe):
    result = invoke("run", recipe, "--slurm", "--print-only")
    assert "seen=$(sbatch --parsable" in result.stdout
    assert "goes with --slurm" in invoke("run", recipe, "--print-only", code=1).stderr


def test_mistakes_have_file_line_and_code_2(recipe):
    recipe.write_text(recipe.read_text().replace("held_out", "heldout"), encoding="utf-8")
    result = invoke("run", recipe, "--dry-run", code=2)
    assert f"{recipe}:3" in result.stderr and "did you mean 'held_out'" in result.stderr
    assert "no such file" in invoke("run", "none.yaml", code=2).stderr


def test_a_step_runs_alone_with_the_file_that_run_wrote(recipe, tmp_path):
    invoke("run", recipe, "--only", "seen")
    host = tmp_path / "host.yaml"
    host.write_text("precision: f32\nmicro_batch: 2\n", encoding="utf-8")
    config = tmp_path / "runs/small/seen/step.yaml"
    result = invoke("generate", "--config", config, "--out", "again", "--host", host, "--set", "steps=1")
    assert result.stdout.startswith("again: images ")
    assert sorted(path.name for path in (tmp_path / "again").iterdir() if path.name[0] != ".") == [
        "artifact.json",
        "grid.png",
        "images",
        "logs",
        "prompts.jsonl",
        "step.yaml",
    ]
    assert "is done; nothing to do" in invoke("generate", "images", "--config", config, "--out", "again").stdout
    assert "not of eval/bench" in invoke("eval", "bench", "--config", config, "--out", "b", code=2).stderr
