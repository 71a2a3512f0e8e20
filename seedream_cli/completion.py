"""Writes the shell completion files under completions/ (`python -m seedream_cli.completion`)."""

from pathlib import Path

from typer.testing import CliRunner

from seedream_cli.main import app

FOLDER = Path(__file__).parent.parent / "completions"
SHELLS = ("bash", "zsh", "fish")


def script(shell: str) -> str:
    """The script that Typer generates: at each Tab it calls `seedream`, so new stages and options need no new one."""
    result = CliRunner().invoke(app, [], prog_name="seedream", env={"_SEEDREAM_COMPLETE": f"source_{shell}"})
    return result.output.strip() + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for shell in SHELLS:
        (FOLDER / f"seedream.{shell}").write_text(script(shell), encoding="utf-8")
