"""Who may import whom (the house's rules), read from the source."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from tree import breaches, imports, modules

CORE = [name for name in modules() if name.startswith("seedream_core")]
FAMILIES = ("models", "flow", "data", "losses", "distillers", "quant", "metrics", "generate", "report", "benchmarks")
BASE = ("errors", "document", "config", "artifact", "records", "host", "launch", "progress", "randomness")


def under(*parts: str):
    prefixes = tuple(f"seedream_core.{part}" for part in parts)
    return lambda name: name in prefixes or name.startswith(tuple(f"{prefix}." for prefix in prefixes))


def package(*tops: str):
    return lambda name: name.partition(".")[0] in tops


def test_no_cycles():
    # Imports inside functions are not counted: they exist to start fast, and cannot make an import fail half way.
    graph = {
        name: {item.module for item in imports(name) if item.when == "start" and item.module in modules()}
        for name in modules()
    }
    for name in graph:
        # A package's file runs before its members'; it does not depend on them for that.
        graph[name].discard(name)
    left = dict(graph)
    while ready := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in ready:
            del left[name]
    assert not left, f"in or behind a cycle: {sorted(left)}"


def test_the_core_never_imports_the_command_line():
    assert breaches(CORE, package("seedream_cli"), ("start", "later", "types")) == []


def test_only_modules_callbacks_and_batches_import_lightning():
    allowed = under("modules", "callbacks", "data.batches")
    assert breaches([name for name in modules() if not allowed(name)], package("lightning", "pytorch_lightning")) == []


def test_what_an_extra_brings_is_imported_where_it_is_used():
    extras = package(
        "pyarrow", "faiss", "sklearn", "jieba", "matplotlib", "pypdfium2", "rapidocr", "onnxruntime", "ray"
    )
    assert breaches(modules(), extras, ("start",)) == []


def test_techniques_never_import_objectives_callbacks_or_stages():
    above = under("modules", "callbacks", "stages", "execute", "recipe")
    assert breaches(filter(under(*FAMILIES), CORE), above) == []


def test_the_base_imports_nothing_above_it():
    # `launch.inline` runs a step in this process: the one launcher that must know how.
    names = [name for name in CORE if under(*BASE)(name) and name != "seedream_core.launch.inline"]
    above = under(*FAMILIES, "modules", "callbacks", "stages", "stage", "recipe", "execute", "states")
    assert breaches(names, above) == []


def test_only_public_names_of_typer_and_never_click():
    private = lambda name: package("click")(name) or name.startswith("typer._")  # noqa: E731
    assert breaches(modules(), private) == []


def test_the_command_line_starts_with_typer_alone():
    allowed = {
        "seedream_cli",
        "seedream_cli.options",
        "seedream_cli.failures",
        "typer",
        "typer.core",
        "pathlib",
        "typing",
    }
    for name in ("main", "options", "failures"):
        assert {item.module for item in imports(f"seedream_cli.{name}") if item.when == "start"} <= allowed
