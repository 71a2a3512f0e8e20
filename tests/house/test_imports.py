"""Rules of imports between packages, rooms and libraries, read from the source."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from tree import breaches, imports, modules

CORE = [name for name in modules() if name.startswith("seedream_core")]
FAMILIES = (
    "models",
    "flow",
    "pipeline",
    "data",
    "synthetic",
    "losses",
    "distillers",
    "quant",
    "evaluation",
    "generate",
    "report",
)
LEAVES = ("errors", "extras", "logs", "processor", "progress", "randomness", "records")


def under(*parts: str):
    prefixes = tuple(f"seedream_core.{part}" for part in parts)
    return lambda name: name in prefixes or name.startswith(tuple(f"{prefix}." for prefix in prefixes))


def package(*tops: str):
    return lambda name: name.partition(".")[0] in tops


def test_no_cycles():
    # Imports inside functions count too: a circle that only starts late is still one.
    graph = {
        name: {item.module for item in imports(name) if item.when != "types" and item.module in modules()}
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


def test_only_training_objectives_and_batches_import_lightning():
    allowed = under("training", "objectives", "data.loading.batches")
    assert breaches([name for name in modules() if not allowed(name)], package("lightning", "pytorch_lightning")) == []


def test_what_an_extra_brings_is_imported_where_it_is_used():
    extras = package(
        "pyarrow", "faiss", "sklearn", "jieba", "matplotlib", "pypdfium2", "rapidocr", "onnxruntime", "ray"
    )
    assert breaches(modules(), extras, ("start",)) == []


def test_techniques_never_import_objectives_training_or_stages():
    above = under("training", "objectives", "stages", "workflow.execute", "workflow.recipe")
    assert breaches(filter(under(*FAMILIES), CORE), above) == []


def test_evaluation_knows_nothing_of_one_world():
    worlds = under("evaluation.suites.scenes", "evaluation.judges.scenes")
    names = [name for name in filter(under("evaluation"), CORE) if not worlds(name)]
    assert breaches(names, under("synthetic"), ("start", "later", "types")) == []


def test_the_workflow_imports_leaves_only():
    assert breaches(filter(under("workflow"), CORE), under(*FAMILIES, "training", "objectives", "stages")) == []


def test_leaves_import_leaves_only():
    above = under(*FAMILIES, "workflow", "training", "objectives", "stages")
    assert breaches(filter(under(*LEAVES), CORE), above) == []


def test_only_public_names_of_typer_and_never_click():
    private = lambda name: package("click")(name) or name.startswith("typer._")  # noqa: E731
    assert breaches(modules(), private) == []


def test_the_command_line_starts_with_typer_alone():
    allowed = {
        "seedream_cli",
        "seedream_cli.options",
        "typer",
        "typer.core",
        "pathlib",
        "typing",
    }
    for name in ("main", "options"):
        assert {item.module for item in imports(f"seedream_cli.{name}") if item.when == "start"} <= allowed
