"""The command `seedream generate`: prompts in, PNG files out, one seed per picture."""

import time
from dataclasses import dataclass
from pathlib import Path

import typer

from seedream_core.errors import ConfigError, Problem, UserError
from seedream_core.generate import files, metadata, prompts, requests, sizes, vocabulary
from seedream_core.generate.model import find
from seedream_core.progress import track
from seedream_core.workflow import artifact, execute

GO_ON = "the same command draws all of them again"


@dataclass(frozen=True, kw_only=True)
class GenerateOptions:
    """The command line of `seedream generate`."""

    prompts: tuple[str, ...] = ()
    file: str | None = None
    picture: Path | None = None
    model: Path | None = None
    size: str | None = None
    steps: int | None = None
    guidance: float | None = None
    solver: str | None = None
    seed: int | None = None
    count: int = 1
    batch: int | None = None
    out: Path | None = None
    metadata: bool = True


def stage_name(options: GenerateOptions) -> str:
    """The stage that `--config` is for; the settings of a picture are then read from that file."""
    if options != GenerateOptions(prompts=options.prompts[:1], out=options.out):
        raise UserError(
            "--config takes prompts and settings from its file", "change them there, or with --set KEY=VALUE"
        )
    return options.prompts[0] if options.prompts else "images"


def run(options: GenerateOptions) -> None:
    """Draw the pictures that the command line asks for; a signal stops this and prints how many were written."""
    made: list[Path] = []
    with execute.stopping(lambda: _written(made), GO_ON):
        _draw(options, made)


def _draw(options: GenerateOptions, made: list[Path]) -> None:
    # Everything that needs no torch is checked before its import, which takes seconds.
    size = _size(options.size)
    origin = metadata.origin(options.picture) if options.picture else None
    lines = _lines(options, origin)
    model = find(options.model)
    digest = artifact.read(model, "generator").digest
    targets = files.targets(options.out, len(lines) * options.count, lines[0].prompt)
    _warn_of_unknown_words(lines, model)
    if origin and origin.model_digest != digest:
        typer.echo(
            f"{options.picture} was made by another model ({origin.model_digest[:12]}, seedream {origin.version}) "
            f"than {digest[:12]}: the picture will differ",
            err=True,
        )

    import torch

    from seedream_core.pipeline.sampler import Sampler

    gpu = torch.cuda.is_available()
    sampler = Sampler.load(model, bf16=gpu, device="cuda" if gpu else "cpu")
    wanted = requests.requests(
        lines,
        sampler.spec,
        seed=options.seed or 0,
        count=options.count,
        size=size,
        steps=options.steps,
        guidance=options.guidance,
        guidance_rule=origin.request.guidance_rule if origin else metadata.PLAIN,
        solver=options.solver or (origin.request.solver if origin else "euler"),
    )
    if warning := sizes.untrained(sampler.spec, wanted):
        typer.echo(warning, err=True)
    before = metadata.load(options.picture) if origin else None  # --out may name the same file
    started = time.perf_counter()
    drawn = requests.pictures(sampler, wanted, options.batch)
    if len(wanted) == 1:
        request, pixels = next(drawn)
        _save(targets[0], request, pixels, digest, options.metadata)
        made.append(targets[0])
        typer.echo(targets[0])
    else:
        sheet = metadata.Sheet(wanted, columns=options.count if options.count > 1 and len(lines) > 1 else None)
        with track("pictures", len(wanted)) as progress:
            for target, (request, pixels) in zip(targets, drawn, strict=True):
                _save(target, request, pixels, digest, options.metadata)
                made.append(target)
                sheet.add(pixels)
                progress.advance()
        metadata.save(targets[0].parent / files.GRID, sheet.pixels)
        typer.echo(targets[0].parent)
    _print_summary(wanted, time.perf_counter() - started)
    if origin and wanted == [origin.request]:
        _compare(options.picture, before, pixels)


def _written(made: list[Path]) -> str:
    """How many pictures were written before a signal came, as a sentence."""
    if not made:
        return "no picture was written"
    return f"{len(made)} picture{'s' if len(made) > 1 else ''} written, the last one {made[-1]}"


def _size(text: str | None) -> tuple[int, int] | None:
    try:
        return prompts.size(text) if text else None
    except ValueError as problem:
        raise ConfigError([Problem("--size", None, "", str(problem))]) from None


def _lines(options: GenerateOptions, origin: metadata.Origin | None) -> list[prompts.Line]:
    given = [
        name
        for name, value in (("prompts", options.prompts), ("--prompts", options.file), ("--from", options.picture))
        if value
    ]
    if len(given) != 1:
        raise UserError(
            f"{' and '.join(given)} at once" if given else "nothing to draw",
            'give prompts, or --prompts FILE, or --from PICTURE.PNG: seedream generate "a red circle on a white '
            'background"',
        )
    if options.file:
        return prompts.read(options.file)
    if wrong := next((prompt for prompt in options.prompts if not prompts.is_text(prompt)), None):
        raise UserError(f"{wrong!r}: not valid UTF-8", "set the terminal to UTF-8, or give the prompts in a file")
    if not origin:
        return [prompts.Line(prompt=prompt) for prompt in options.prompts]
    made = origin.request
    return [
        prompts.Line(
            prompt=made.prompt,
            seed=made.seed if options.seed is None else options.seed,
            size=None if options.size else (made.width, made.height),
            steps=options.steps or made.steps,
            guidance=made.guidance if options.guidance is None else options.guidance,
        )
    ]


def _warn_of_unknown_words(lines: list[prompts.Line], model: Path) -> None:
    if known := vocabulary.load(model):
        unknown = dict.fromkeys(word for line in lines for word in vocabulary.unknown(line.prompt, known))
        if unknown:
            typer.echo(vocabulary.explain(list(unknown), known), err=True)


def _print_summary(wanted: list[metadata.Request], seconds: float) -> None:
    first = wanted[0]
    same = all(request.settings == first.settings for request in wanted)
    parts = [
        f"{len(wanted)} picture{'s' if len(wanted) > 1 else ''}",
        f"seed {first.seed}" + ("…" if len(wanted) > 1 else ""),
    ]
    if same:
        parts += [f"{first.width}x{first.height}", f"{first.steps} steps", f"guidance {first.guidance:g}"]
    typer.echo(" · ".join([*parts, f"{seconds:.2f} s"]), err=True)


def _save(target: Path, request: metadata.Request, pixels, digest: str, describe: bool) -> None:
    origin = metadata.Origin(request=request, model_digest=digest, version=metadata.version()) if describe else None
    metadata.save(target, pixels, origin)


def _compare(picture: Path, before, pixels) -> None:
    if before.shape != pixels.shape:
        typer.echo(f"{picture} has been resized since it was made: nothing to compare with", err=True)
        return
    largest = int(abs(before.astype(int) - pixels.astype(int)).max())
    typer.echo(
        f"the same as {picture}, bit for bit" if largest == 0 else f"differs from {picture} by at most {largest}/255",
        err=True,
    )
