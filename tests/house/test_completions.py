"""The completion scripts are those of the installed command, and bash accepts them."""

import os
import shutil
import subprocess
import sys

import pytest

from seedream_cli.completion import FOLDER, SHELLS, script


@pytest.mark.parametrize("shell", SHELLS)
def test_fresh(shell):
    assert (FOLDER / f"seedream.{shell}").read_text(encoding="utf-8") == script(shell), (
        "make them again: python -m seedream_cli.completion"
    )


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
def test_bash_completes_commands_and_stages(tmp_path):
    command = tmp_path / "seedream"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m seedream_cli "$@"\n')
    command.chmod(0o755)

    def complete(*words):
        line = " ".join(f"'{word}'" for word in words)
        ask = (
            f"source '{FOLDER / 'seedream.bash'}'; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; "
            f"_seedream_completion seedream; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        )
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", ask], capture_output=True, text=True, env={**os.environ, "PATH": path}, cwd=FOLDER.parent
        )
        return done.stdout.split()

    assert complete("seedream", "ge") == ["generate"]
    assert complete("seedream", "eval", "be") == ["bench"]
    assert "--guidance" in complete("seedream", "generate", "--g")
