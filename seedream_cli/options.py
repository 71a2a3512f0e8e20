"""The arguments and options of all commands, declared once."""

from pathlib import Path
from typing import Annotated

import typer


def _stage_names(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    from seedream_core.workflow import stage

    return [(name, line) for name, line in stage.listing(ctx.info_name or "").items() if name.startswith(incomplete)]


# Stages: seedream data|pretrain|posttrain|distill|quantize|eval
StageName = Annotated[
    str | None,
    typer.Argument(
        metavar="STAGE",
        show_default=False,
        autocompletion=_stage_names,
        help="The stage to run; without it, the stages are listed.",
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="STEP.YAML",
        help="YAML file of the stage's fields, such as the step.yaml that `seedream run` writes.",
    ),
]
OutFolder = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Folder of the artifact; a run that was interrupted there goes on."),
]
HostFile = Annotated[
    Path | None,
    typer.Option(
        "--host",
        metavar="HOST.YAML",
        help="YAML file about the machine: devices, nodes, precision, micro-batch, workers.",
    ),
]
Changes = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        show_default=False,
        help="Set one field, such as train.lr=2e-4; may be repeated.",
    ),
]
OwnHelp = Annotated[
    bool,
    typer.Option(
        "--help",
        show_default=False,
        help="Show this message; after a stage's name, the stage's fields, defaults and meanings.",
    ),
]
About = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ARTIFACT [KEY]]",
        show_default=False,
        help="After inspect or why: an artifact's folder, and a sample's key or name.",
    ),
]
# seedream run
Recipe = Annotated[
    Path,
    typer.Argument(
        metavar="RECIPE.YAML", show_default=False, help="YAML file of steps, each with its stage, inputs and options."
    ),
]
RunFolder = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Folder for the artifacts (default: runs/<recipe's name>).")
]
FromStep = Annotated[
    str | None, typer.Option("--from", metavar="STEP", help="Start at this step; the steps before it are not run.")
]
OnlyStep = Annotated[str | None, typer.Option("--only", metavar="STEP", help="Run only this step.")]
RedoSteps = Annotated[
    list[str],
    typer.Option(
        "--redo",
        metavar="STEP",
        show_default=False,
        help="Rename this step's folder to NAME.old-1 and run the step again; may be repeated.",
    ),
]
Status = Annotated[
    bool, typer.Option("--status", show_default=False, help="Show each step's state and figures; run nothing.")
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        show_default=False,
        help="Check the recipe and show its plan with parameters, FLOPs and tokens; run nothing.",
    ),
]
Slurm = Annotated[bool, typer.Option("--slurm", show_default=False, help="Submit the steps as chained SLURM jobs.")]
PrintOnly = Annotated[
    bool, typer.Option("--print-only", show_default=False, help="With --slurm: print the scripts, submit nothing.")
]

# seedream generate
Prompts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PROMPT", show_default=False, help="A prompt in English or Chinese; one picture is drawn for each."
    ),
]
PromptFile = Annotated[
    str | None,
    typer.Option(
        "--prompts",
        metavar="FILE|-",
        help="Prompts from .txt (one per line), .jsonl or .csv (prompt, seed, size, steps, guidance), or - for "
        "standard input.",
    ),
]
Model = Annotated[
    Path | None,
    typer.Option(
        "--model", metavar="ARTIFACT", help="A generator's folder (default: $SEEDREAM_MODEL, then the packaged model)."
    ),
]
Size = Annotated[
    str | None, typer.Option("--size", metavar="WxH", help="Size in pixels, width first (default: the model's).")
]
Steps = Annotated[
    int | None, typer.Option("--steps", min=1, metavar="N", help="Steps of the solver (default: the model's).")
]
Guidance = Annotated[
    float | None,
    typer.Option("--guidance", min=0.0, metavar="G", help="Classifier-free guidance (default: the model's)."),
]
Solver = Annotated[
    str | None,
    typer.Option("--solver", metavar="NAME", help="dpm_solver, euler, heun or stochastic_euler (default: euler)."),
]
Seed = Annotated[
    int | None, typer.Option("--seed", min=0, metavar="S", help="Picture i is drawn from seed S+i (default: 0).")
]
Count = Annotated[int, typer.Option("--count", min=1, metavar="K", help="Pictures per prompt.")]
Batch = Annotated[
    int | None,
    typer.Option(
        "--batch",
        min=1,
        metavar="N",
        show_default=False,
        help="Pictures drawn at once (default: 1 on a CPU, 16 on a GPU); above 1 the same seed draws slightly "
        "different pixels.",
    ),
]
PictureOut = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="PATH",
        help="A .png file for one picture, or a folder (default: a name made from the prompt, in the current folder).",
    ),
]
NoMetadata = Annotated[
    bool, typer.Option("--no-metadata", show_default=False, help="Do not write prompt, seed and settings into the PNG.")
]
FromPicture = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="PICTURE.PNG",
        help="Draw a picture again from the prompt, seed and settings in its PNG; other options replace these.",
    ),
]
