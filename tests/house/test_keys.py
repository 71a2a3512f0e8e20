"""Keys of configs: bounds are named min_… and max_…, and each renamed key leads to an existing one."""

import dataclasses
import importlib
import inspect
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from tree import modules

from seedream_core.workflow.config import Config

WORDS = {"least", "most", "sure", "asks", "ask", "by", "above", "longest", "largest", "smallest"}


def configs() -> list[type]:
    """Every config of the core, found in its module, so that a new one is checked too."""
    texts = {name: path.read_text(encoding="utf-8") for name, path in modules().items()}
    return [
        item
        for name in (name for name, text in texts.items() if name.startswith("seedream_core.") and "@dataclass" in text)
        for item in vars(importlib.import_module(name)).values()
        if inspect.isclass(item) and issubclass(item, Config) and dataclasses.is_dataclass(item)
    ]


def test_bounds_are_named_min_and_max():
    wrong = {f"{one.__name__}.{field.name}" for one in configs() for field in dataclasses.fields(one)}
    wrong = {name for name in wrong if WORDS & set(name.partition(".")[2].split("_"))}
    assert wrong == set()


def test_a_former_key_leads_to_a_key_that_is_there():
    former = 0
    for one in configs():
        keys = {field.name for field in dataclasses.fields(one)}
        assert set(one.renamed.values()) <= keys and not keys & one.renamed.keys(), one
        former += len(one.renamed)
    assert former > 20
