"""Optional packages (`pip install seedream[data]`): imported where they are used; a missing one is a clear error."""

import importlib
from types import ModuleType

from seedream_core.errors import UserError


def extra(module: str, name: str, asker: str) -> ModuleType:
    """Import the module; UserError names the extra of seedream that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(
            f"{asker} needs the package {module.partition('.')[0]} ({error})", f"pip install 'seedream[{name}]'"
        ) from None
