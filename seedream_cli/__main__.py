"""`python -m seedream_cli` is `seedream`."""

from seedream_cli.main import app

app(prog_name="seedream")
