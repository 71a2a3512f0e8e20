"""What `python -m seedream_cli` is to real stages: run one toy stage from its config."""

import sys
from pathlib import Path

from seedream_core.errors import UserError
from seedream_core.workflow import execute, recipe

if __name__ == "__main__":
    group, stem, _, config, _, out = sys.argv[1:7]
    try:
        execute.step(recipe.load_step(f"{group}/{stem}", config, root="toy_stages"), Path(out), execute.read_host(None))
    except UserError as error:
        sys.exit(f"child: {error}")
