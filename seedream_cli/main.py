"""The commands of `seedream`. Only typer and the options are imported here, so that `--help` is fast."""

import typer
from typer.core import TyperGroup

from seedream_cli import options

INTERRUPTED = 130


class Group(TyperGroup):
    """Turns the exceptions of every command into messages: a user's mistake prints one message with its fix, a bug
    prints a traceback.
    """

    def invoke(self, ctx: typer.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("stopped", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except Exception as problem:
            from seedream_core.errors import UserError

            if not isinstance(problem, UserError):
                raise
            typer.echo(str(problem), err=True)
            raise typer.Exit(problem.exit_code) from None


app = typer.Typer(
    name="seedream",
    cls=Group,
    no_args_is_help=True,
    # Importing Rich takes as long as importing typer, so it is imported only where a table is printed.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Bilingual (Chinese and English) text-to-image models, from data to pictures.",
)


def stage(
    ctx: typer.Context,
    name: options.StageName = None,
    config: options.ConfigFile = None,
    out: options.OutFolder = None,
    host: options.HostFile = None,
    changes: options.Changes = [],
    help: options.OwnHelp = False,
) -> None:
    from seedream_cli import stages

    if help:
        stages.explain(ctx, name)
    elif name:
        stages.run(ctx.info_name, name, config, out, host, changes)
    else:
        stages.listing(ctx.info_name)


@app.command(add_help_option=False)
def data(
    ctx: typer.Context,
    name: options.StageName = None,
    about: options.About = None,
    config: options.ConfigFile = None,
    out: options.OutFolder = None,
    host: options.HostFile = None,
    changes: options.Changes = [],
    help: options.OwnHelp = False,
) -> None:
    """Import, synthesise, clean and encode training data."""
    from seedream_cli import inspection, stages

    if about and name not in stages.INSPECTIONS["data"]:
        raise typer.BadParameter(f"{' '.join(about)}: a stage's fields are given with --set or --config")
    if help or name not in stages.INSPECTIONS["data"]:
        stage(ctx, name, config, out, host, changes, help)
    else:
        inspection.run(name, about or [])


app.command(
    "pretrain",
    help="Train the networks of a model from scratch.",
    add_help_option=False,
)(stage)
app.command("posttrain", help="Fine-tune a model on selected pictures.", add_help_option=False)(stage)
app.command("distill", help="Train a student model that draws in a few steps.", add_help_option=False)(stage)
app.command("quantize", help="Quantise the weights of a model to a few bits.", add_help_option=False)(stage)


@app.command(add_help_option=False)
def generate(
    ctx: typer.Context,
    texts: options.Prompts = None,
    prompts: options.PromptFile = None,
    model: options.Model = None,
    size: options.Size = None,
    steps: options.Steps = None,
    guidance: options.Guidance = None,
    solver: options.Solver = None,
    seed: options.Seed = None,
    count: options.Count = 1,
    batch: options.Batch = None,
    out: options.PictureOut = None,
    no_metadata: options.NoMetadata = False,
    picture: options.FromPicture = None,
    config: options.ConfigFile = None,
    host: options.HostFile = None,
    changes: options.Changes = [],
    help: options.OwnHelp = False,
) -> None:
    """Draw pictures from prompts, in English or Chinese.

    The same prompt and seed give the same picture, alone or among others. With --config, the stage `images` runs
    instead; `seedream generate images --help` shows its fields.
    """
    from seedream_cli import generation, stages

    if help:
        return stages.explain(ctx, "images" if texts == ["images"] else None)
    options_given = generation.GenerateOptions(
        prompts=tuple(texts or ()),
        file=prompts,
        picture=picture,
        model=model,
        size=size,
        steps=steps,
        guidance=guidance,
        solver=solver,
        seed=seed,
        count=count,
        batch=batch,
        out=out,
        metadata=not no_metadata,
    )
    if config or host or changes:
        stages.run("generate", generation.stage_name(options_given), config, out, host, changes)
    else:
        generation.run(options_given)


app.command("eval", help="Measure models and write a page of results.", add_help_option=False)(stage)


@app.command()
def run(
    recipe: options.Recipe,
    changes: options.Changes = [],
    host: options.HostFile = None,
    start: options.FromStep = None,
    only: options.OnlyStep = None,
    redo: options.RedoSteps = [],
    out: options.RunFolder = None,
    status: options.Status = False,
    dry_run: options.DryRun = False,
    slurm: options.Slurm = False,
    print_only: options.PrintOnly = False,
) -> None:
    """Run the steps of a recipe in order. Finished steps are skipped, interrupted ones are continued."""
    from seedream_cli import recipes, show
    from seedream_core.errors import UserError
    from seedream_core.workflow.execute import read_host
    from seedream_core.workflow.recipe import load

    loaded = load(recipe, changes, out)
    read_host(host)
    if (status or dry_run) and (start or only or redo or slurm or print_only):
        raise UserError(
            "--status and --dry-run show the whole recipe", "leave --from, --only, --redo, --slurm and --print-only out"
        )
    if status:
        show.status(loaded)
    elif dry_run:
        show.dry_run(loaded)
    else:
        recipes.run(loaded, host, start, only, redo, slurm=slurm, print_only=print_only)
