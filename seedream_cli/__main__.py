"""`python -m seedream_cli` runs the command `seedream`."""

from seedream_cli.main import app

app(prog_name="seedream")
