"""Tables of a recipe for `seedream run --dry-run` and `--status`."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from seedream_core.progress import count, duration, figure
from seedream_core.workflow import artifact
from seedream_core.workflow.recipe import PlannedStep, Recipe, plan

STYLES = {"done": "green", "partial": "yellow", "new": "cyan", "stale": "bold red"}
# In a file or a pipe Rich assumes 80 columns, which would cut the cells of a table.
WIDTH_OF_FILES = 200
METRICS_SHOWN = 3


def dry_run(recipe: Recipe) -> None:
    """Print each step with its state and inputs, and the size of its network if it has one."""
    planned = plan(recipe)
    rows = table("step", "stage", "state", "made from", "parameters", "tokens", "FLOPs/image", "total FLOPs")
    for item in planned:
        facts = item.step.facts
        rows.add_row(
            item.step.name,
            item.step.path,
            _state(item),
            _inputs(item),
            _count(facts.get("parameters")),
            _tokens(facts),
            _count(facts.get("flops_per_image_evaluation")),
            _count(facts.get("flops")),
        )
    _print(recipe, planned, rows)
    total = sum(item.step.facts.get("flops", 0) for item in planned)
    unfinished = sum(item.state in ("new", "partial") for item in planned)
    Console().print(
        f"{unfinished} of {len(planned)} steps to run" + (f"; {_count(total)}FLOPs in total" if total else ""),
        highlight=False,
        soft_wrap=True,
    )


def status(recipe: Recipe) -> None:
    """Print each step with its state; for finished steps also the time and the first figures."""
    planned = plan(recipe)
    rows = table("step", "stage", "state", "time", "expected", "figures", "folder")
    for item in planned:
        manifest = artifact.read(item.step.folder) if item.state == "done" else None
        rows.add_row(
            item.step.name,
            item.step.path,
            _state(item),
            duration(manifest.seconds) if manifest else "",
            duration(manifest.expected_seconds) if manifest and manifest.expected_seconds else "",
            _figures(manifest.metrics) if manifest else "",
            str(item.step.folder),
        )
    _print(recipe, planned, rows)


def _count(number: float | None) -> str:
    return "" if number is None else count(number)


def table(*columns: str) -> Table:
    rows = Table(box=SIMPLE_HEAD, pad_edge=False)
    numbers = {"parameters", "tokens", "FLOPs/image", "total FLOPs", "time", "expected", "samples", "share"}
    for column in columns:
        rows.add_column(
            column,
            justify="right" if column in numbers else "left",
            no_wrap=column in {"step", "stage", "state", "fate"} | numbers,
        )
    return rows


def print_table(title: str, rows: Table) -> Console:
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_OF_FILES)
    console.print(title, highlight=False, markup=False, soft_wrap=True)
    console.print(rows)
    return console


def _print(recipe: Recipe, planned: list[PlannedStep], rows: Table) -> None:
    console = print_table(f"{recipe.name}: {recipe.file} -> {recipe.out}", rows)
    for item in planned:
        for reason in item.reasons:
            console.print(Text(f"{item.step.name} is stale: {reason}", STYLES["stale"]), soft_wrap=True)


def _state(item: PlannedStep) -> Text:
    # An input that is not made yet may differ from the one that this step was made from.
    caveat = f" (until {', '.join(item.waits)})" if item.waits and item.state == "done" else ""
    return Text(item.state + caveat, STYLES[item.state])


def _inputs(item: PlannedStep) -> str:
    return ", ".join(dict.fromkeys(name for names in item.step.sources.values() for name in names))


def _tokens(facts: dict) -> str:
    parts = [str(facts[key]) for key in ("image_tokens", "text_tokens") if facts.get(key)]
    return " + ".join(parts)


def _figures(metrics: dict) -> str:
    simple = [
        (key, value) for key, value in metrics.items() if isinstance(value, int | float | str) and len(str(value)) < 40
    ]
    return " · ".join(f"{key} {figure(value)}" for key, value in simple[:METRICS_SHOWN])
