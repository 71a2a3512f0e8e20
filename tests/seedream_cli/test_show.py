"""Tables for people."""

from pathlib import Path

from seedream_cli import show
from seedream_core.workflow import execute, recipe
from seedream_core.workflow.launch.inline import Inline


def test_status_shows_what_a_step_took_beside_what_was_expected(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("toy.yaml").write_text("steps:\n  timed: {run: eval/timed, flops: 6e+12, expects: 600}\n")
    loaded = recipe.load("toy.yaml", root="toy_stages")
    execute.recipe(loaded, launcher=Inline(), say=lambda line: None)
    show.status(loaded)
    (row,) = [line.split() for line in capsys.readouterr().out.splitlines() if "eval/timed" in line]
    assert row[2:8] == ["done", "0", "s", "10", "min", "00"]
