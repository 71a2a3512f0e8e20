"""What the commands of stages show of them."""

import os
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from seedream_cli.main import app
from seedream_core.workflow import stage


def invoke(*arguments):
    return CliRunner().invoke(app, [*arguments])


@pytest.mark.parametrize("group", ["generate", "eval"])
def test_help_of_a_group_lists_its_stages(group):
    result = invoke(group, "--help")
    assert result.exit_code == 0 and "Usage: " in result.stdout
    for name, line in stage.listing(group).items():
        assert name in result.stdout and line in result.stdout and line


def test_a_group_alone_lists_its_stages():
    assert "bench" in invoke("eval").stdout and "Usage" not in invoke("eval").stdout


def test_help_after_a_stage_shows_its_fields():
    text = invoke("generate", "images", "--help").stdout
    assert (
        "evaluation  (int ≥ 0; default 0)" in text
        and "model  (generator; required)" in text
        and "the generator that draws" in text
    )
    assert text.index("Inputs:") < text.index("model") < text.index("Options:") < text.index("guidance")


def test_help_shows_the_options_of_families_and_of_list_items():
    text = invoke("data", "curate", "--help").stdout
    assert text.index("Options:") < text.index("filters: {name: size}") < text.index("Minimum width in pixels.")
    assert "ladder: Rung" in invoke("eval", "bench", "--help").stdout
    text = invoke("pretrain", "mmdit", "--help").stdout
    assert text.index("net: {name: mmdit}") < text.index("absolute") < text.index("net: {name: single_stream}")


def test_a_stage_needs_its_two_files():
    result = invoke("eval", "bench")
    assert result.exit_code == 1 and "missing --config STEP.YAML or --set KEY=VALUE and --out DIR" in result.stderr


def test_a_full_disk_is_one_message_and_leaves_no_temporary_file(tmp_path):
    """A real process whose files may have 300 kB each, which fails as a full disk does."""
    command = [sys.executable, "-m", "seedream_cli", "data", "synthetic", "--set", "samples=2000", "--out", "out"]
    most = 300_000
    limited = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (most, most))
    root = str(Path(stage.__file__).parents[2])
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": root}, preexec_fn=limited, capture_output=True, text=True
    )
    said = done.stderr.splitlines()
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert said[-2] == "out: cannot be written (File too large); out keeps what was done"
    assert said[-1] == "  fix: make room; the same command goes on from there"
    assert not list(tmp_path.rglob("*.tmp")) and not list(tmp_path.rglob("*.tar"))
