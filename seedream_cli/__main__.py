"""`python -m seedream_cli` runs the command `seedream`."""

from seedream_cli.main import app

# the process that measures what a run takes imports this file too
if __name__ == "__main__":
    app(prog_name="seedream")
