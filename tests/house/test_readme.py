"""README is correct: its paths exist, its Python runs, its commands parse."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from seedream_cli.main import app

ROOT = Path(__file__).parents[2]
FOLDERS = ("recipes", "seedream_cli", "seedream_core", "tests", "completions", ".ci")


def test_readme_paths_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(rf"(?<![\w/.~-])((?:{'|'.join(map(re.escape, FOLDERS))})/[\w./-]*[\w/])", text))
    named |= set(re.findall(r"\]\((?!https?:|#)([^)\s]+)\)", text))
    assert named and [path for path in sorted(named) if not (ROOT / path).exists()] == []


def blocks(language: str) -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_python_makes_its_picture(tmp_path, monkeypatch, tiny_generator):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEEDREAM_MODEL", str(tiny_generator))
    (code,) = blocks("python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 6
    exec(compile(code, "README.md", "exec"), {})
    assert [path.suffix for path in tmp_path.iterdir()] == [".png"]


COMMANDS = [
    shlex.split(line, comments=True)[1:]
    for block in blocks("bash")
    for line in block.replace("\\\n", " ").splitlines()
    if line.startswith("seedream ")
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands_parse(command, monkeypatch):
    # The work itself is tested elsewhere: here every word of the line must be an option or argument that exists.
    for place in ("stages.run", "generation.run", "recipes.run", "show.status", "show.dry_run", "inspection.run"):
        monkeypatch.setattr(f"seedream_cli.{place}", lambda *_, **__: None)
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
