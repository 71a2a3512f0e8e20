"""The commands: what they list, how they fail, and that nothing heavy is imported to say so."""

import json
import subprocess
import sys

import typer
from typer.testing import CliRunner

from seedream_cli.main import app
from seedream_core.workflow import stage

GROUPS = ("data", "pretrain", "posttrain", "distill", "quantize", "generate", "eval")


def invoke(*arguments, **options):
    return CliRunner().invoke(app, [*map(str, arguments)], **options)


def test_help_names_the_commands_in_order():
    lines = invoke("--help").stdout.partition("Commands:")[2].split("\n")
    assert [line.split()[0] for line in lines if line.strip()] == [*GROUPS, "run"]
    assert set(stage.groups()) <= set(GROUPS)


def test_without_a_command_the_help_is_shown():
    assert "Commands:" in invoke().output


def test_wrong_names_get_the_nearest_right_one():
    assert "Did you mean 'pretrain'" in invoke("pretran").output
    assert "--prompts" in invoke("generate", "--promts", "x").output
    result = invoke("generate", "imags", "--config", "x")
    assert result.exit_code == 2 and "did you mean 'images'" in result.output


def test_help_of_everything_imports_nothing_heavy():
    # A fresh interpreter: this one has imported everything already.
    check = """
import json, sys
from typer.testing import CliRunner
from seedream_cli.main import app
calls = [["--help"], ["generate", "--help"], ["run", "--help"], ["pretrain"], ["pretrain", "--help"]]
codes = [CliRunner().invoke(app, call).exit_code for call in calls]
names = ("torch", "numpy", "lightning", "transformers", "PIL", "torchmetrics")
print(json.dumps([codes, [name for name in names if name in sys.modules]]))
"""
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [[0] * 5, []]


def test_main_help_imports_neither_rich_nor_pydantic():
    check = (
        "import sys; from seedream_cli.main import app; app(['--help'], standalone_mode=False); print([n for n "
        "in ('rich', 'pydantic', 'yaml') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_module_is_the_command():
    done = subprocess.run([sys.executable, "-m", "seedream_cli", "eval"], capture_output=True, text=True)
    assert done.returncode == 0 and "bench" in done.stdout


def test_an_interruption_ends_with_130(monkeypatch):
    monkeypatch.setattr("seedream_cli.stages.listing", lambda group: (_ for _ in ()).throw(KeyboardInterrupt()))
    result = invoke("eval")
    assert result.exit_code == 130 and "stopped" in result.stderr and isinstance(result.exception, SystemExit)


def test_a_bug_is_a_traceback(monkeypatch):
    monkeypatch.setattr("seedream_cli.stages.listing", lambda group: 1 / 0)
    assert isinstance(invoke("eval").exception, ZeroDivisionError)


def test_exit_codes_come_from_the_error(monkeypatch):
    from seedream_core.errors import ConfigError, DataError, Problem

    for error, code in ((DataError("damaged"), 1), (ConfigError([Problem("a.yaml", 3, "b", "wrong")]), 2)):
        monkeypatch.setattr("seedream_cli.stages.listing", lambda group, error=error: (_ for _ in ()).throw(error))
        result = invoke("eval")
        assert result.exit_code == code and str(error) in result.stderr and result.stdout == ""


def test_only_typer_is_used():
    assert typer.Typer is type(app)
