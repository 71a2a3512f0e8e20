"""The stage commands (`data`, `pretrain`, `posttrain`, `distill`, `quantize`, `eval`): list a group, show a stage's
fields, run a stage.
"""

from pathlib import Path

import typer

from seedream_core.errors import ConfigError, Problem, UserError
from seedream_core.workflow import stage
from seedream_core.workflow.config import Component, Config, Field, describe, nearest

INSPECTIONS = {
    "data": {
        "inspect": "Show what an artifact holds: a sample, its fields, counts, problems.   seedream data inspect "
        "ARTIFACT [KEY]",
        "why": "Show the history of one sample, stage by stage.   seedream data why ARTIFACT KEY",
    }
}
"""Commands of a group that are not stages: they show an artifact and make nothing."""


def explain(ctx: typer.Context, name: str | None) -> None:
    """Print the help of the group or, after a stage's name, of that stage."""
    if name in INSPECTIONS.get(ctx.info_name, ()):
        typer.echo(INSPECTIONS[ctx.info_name][name])
    elif name:
        fields(ctx.info_name, name)
    else:
        typer.echo(ctx.get_help() + "\n\nStages:")
        listing(ctx.info_name)


def listing(group: str) -> None:
    """Print one line per stage; no stage is imported."""
    stages = stage.listing(group) | INSPECTIONS.get(group, {})
    width = max(map(len, stages), default=0)
    for name, line in stages.items():
        typer.echo(f"  {name:<{width}}  {line}")
    typer.echo(f"\nFields of a stage: seedream {group} STAGE --help")


def fields(group: str, name: str) -> None:
    """Print every field of a stage's config: name, type, default and meaning."""
    cls = _find(group, name)
    inputs = stage.inputs(cls)
    typer.echo(f"Usage: seedream {group} {name} --config STEP.YAML --out DIR [--host HOST.YAML] [--set KEY=VALUE]...\n")
    typer.echo(f"  {stage.listing(group)[name]}")
    typer.echo(f"  Makes: {cls.makes}\n")
    described = describe(cls)
    for title, part in (
        ("Inputs", [field for field in described if field.name in inputs]),
        ("Options", [field for field in described if field.name not in inputs]),
    ):
        if part:
            typer.echo(f"{title}:")
            for field in part:
                typer.echo(_field(field))
            typer.echo("")
    for field in described:
        for part in field.parts:
            _part(field, part)


def _find(group: str, name: str) -> type[stage.Stage]:
    known = [*stage.listing(group), *INSPECTIONS.get(group, ())]
    if name not in stage.listing(group):
        raise ConfigError(
            [
                Problem(
                    "",
                    None,
                    "",
                    f"no stage {name!r} under `seedream {group}`{nearest(name, known)}; it has {', '.join(known)}",
                )
            ]
        )
    return stage.find(f"{group}/{name}")


def _part(field: Field, part: type[Config]) -> None:
    """Print the options of a family's members or of a list's items; the field's type names members without options."""
    members = (
        {f"{{name: {name}}}": part.find(name) for name in part.names()}
        if issubclass(part, Component)
        else {part.__name__: part}
    )
    for name, member in members.items():
        if inner := describe(member):
            typer.echo(f"{field.name}: {name}")
            for option in inner:
                typer.echo(_field(option))
            typer.echo("")


def _field(field: Field) -> str:
    default = "required" if field.default is None else f"default {field.default}" if field.default else ""
    facts = "; ".join(part for part in (field.type, default) if part)
    lines = [f"  {typer.style(field.name, bold=True)}  ({facts})"]
    if field.help:
        lines.append("\n".join(f"      {line}" for line in field.help.splitlines()))
    return "\n".join(lines)


def run(group: str, name: str, config: Path | None, out: Path | None, host: Path | None, changes: list[str]) -> None:
    """Run one stage from its config file, as `seedream run` does for each step."""
    from seedream_core.workflow import execute, recipe

    required = any(field.default is None for field in describe(_find(group, name)))
    missing = [
        flag
        for flag, value in (
            ("--config STEP.YAML or --set KEY=VALUE", config or changes or not required),
            ("--out DIR", out),
        )
        if not value
    ]
    if missing:
        raise UserError(
            f"seedream {group} {name}: missing {' and '.join(missing)}",
            f"seedream {group} {name} --help shows the fields that go into STEP.YAML, or each into a --set",
        )
    made = execute.step(
        recipe.load_step(f"{group}/{name}", config, sets=changes), out, execute.read_host(host), say=typer.echo
    )
    if made:
        typer.echo(f"{out}: {made.kind} {made.digest[:12]}")
