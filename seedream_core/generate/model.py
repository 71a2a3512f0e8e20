"""Finds the model to draw with: --model, then SEEDREAM_MODEL, then the packaged one."""

import os
from pathlib import Path

from seedream_core.errors import UserError
from seedream_core.workflow import artifact, packaged

VARIABLE = "SEEDREAM_MODEL"


def find(asked: Path | None = None) -> Path:
    """The folder of the generator to use; `python` and the command line share this order."""
    if asked:
        return asked
    if named := os.environ.get(VARIABLE):
        return Path(named)
    folder = packaged.packaged()
    if not folder or not (folder / artifact.MANIFEST).exists():
        raise UserError(
            "no model to draw with: this installation carries none",
            f"train one (seedream run recipes/quickstart.yaml) and give it as --model or in {VARIABLE}",
        )
    return folder
