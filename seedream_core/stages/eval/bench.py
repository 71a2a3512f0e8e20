"""Compares models on the same prompts and noise: what judges see in every picture, distances, seconds and megabytes.

A suite says what is asked, judges say what is seen. The scenes of the embedded world have a reader of their own, strict
accuracy, and distances to true pictures; a user's prompts get the judges that are named and a page side by side.
"""

import itertools
import json
import os
import platform
import shutil
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge

from seedream_core import processor
from seedream_core.evaluation.judges import Judge, Judging
from seedream_core.evaluation.suites import Suite, SuiteItem
from seedream_core.flow.guidance import GuidanceRule, check_request
from seedream_core.flow.guidance.plain import PlainGuidance
from seedream_core.flow.solvers import Solver
from seedream_core.workflow import artifact, stage
from seedream_core.workflow.config import Config, dump, nearest
from seedream_core.workflow.host import Host

if TYPE_CHECKING:
    import numpy as np

    from seedream_core.evaluation.judges import Judgement
    from seedream_core.evaluation.suites.scenes import Exam, ScenesSuite
    from seedream_core.pipeline.sampler import Sampler

FORMAT = 1
KEPT = 24


@dataclass(frozen=True, kw_only=True)
class Rung(Config):
    """One row of the ladder: a model, run one way."""

    name: str
    "as the report shows it"
    model: str
    "which of `models`"
    steps: Annotated[int, Ge(1)] | None = None
    "solver steps; none for the model's own"
    guidance: Annotated[float, Ge(0)] | None = None
    "classifier-free guidance; none for the model's own"
    guidance_rule: GuidanceRule | None = None
    "how the two velocities of guidance make one, and at which times; none for plain"
    solver: Solver | None = None
    "how the steps are taken; none for euler"


@dataclass(frozen=True, kw_only=True)
class BenchStage(stage.Stage):
    makes: ClassVar[str] = "scores"
    version: ClassVar[int] = 2  # the reader of scenes refuses small holes and specks
    models: dict[str, stage.Generator]
    "the models, each under a name that the ladder uses"
    suite: Suite | None = None
    "what is asked; none for scenes, with the three options of prompts that follow"
    judges: tuple[Judge, ...] = ()
    "who looks at the pictures; scenes are always read by their own reader"
    vae: stage.Autoencoder | None = None
    "for scenes: whose encoder gives the features of the distances, and whose round trip is judged too"
    ladder: tuple[Rung, ...] = ()
    "the rows to compare, in order; none for one row per model, run its own way"
    prompts: Annotated[int, Ge(6)] | None = None
    "short for suite {name: scenes, prompts: N}"
    held_out_prompts: Annotated[int, Ge(0)] | None = None
    "short for suite {name: scenes, held_out_prompts: N}"
    held_out: tuple[str, ...] | None = None
    "short for suite {name: scenes, held_out: [PAIR, ...]}"
    seed: Annotated[int, Ge(0)] = 1000
    "of prompts and reference pictures; picture i starts from noise seed + i"
    pictures: Annotated[int, Ge(0)] | None = None
    "how many pictures of each row and set are kept; none for 24 of scenes, and all of other suites"
    repeats: Annotated[int, Ge(1)] = 7
    "for scenes: single pictures timed for the median"
    batch: Annotated[int, Ge(1)] = 32
    "pictures drawn at once"
    precision: Literal["auto", "bf16", "f32"] = "auto"
    "arithmetic of the networks; auto is the host's"

    def __post_init__(self) -> None:
        for rung in self.ladder:
            if rung.model not in self.models:
                known = nearest(rung.model, self.models) or f"; the models are {', '.join(self.models)}"
                raise ValueError(f"ladder: {rung.name!r} runs {rung.model!r}, which is none of `models`{known}")
        for option, names in (
            ("ladder: two rows are named", [rung.name for rung in self.ladder]),
            ("judges: two are named", [judge.name() for judge in self.judges]),
        ):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{option} {twice[0]!r}")
        short = self._short()
        if self.suite and short:
            raise ValueError(f"{', '.join(short)}: they belong to the suite; write suite: {{name: scenes, …}}")
        if self._scenes() is None:
            if self.vae:
                raise ValueError("vae: only scenes have true pictures to measure distances to; leave it out")
        elif not self.vae:
            raise ValueError("vae: missing; distances of scenes are measured with an autoencoder's features")

    @property
    def rows(self) -> tuple[Rung, ...]:
        return self.ladder or tuple(Rung(name=name, model=name) for name in self.models)

    def facts(self, inputs: Mapping[str, Any]) -> dict:
        sizes = {(facts.get("width"), facts.get("height")) for facts in inputs["models"].values()}
        if not sizes:
            raise ValueError("models: name at least one")
        if len(sizes) > 1:
            raise ValueError(f"models: the same noise needs one size, but these make {_sizes(sizes)}")
        for rung in self.rows:
            model = inputs["models"][rung.model]
            distilled, scales = model.get("guidance_distilled", False), model.get("guidance_scales")
            try:
                check_request(rung.guidance, rung.guidance_rule, distilled=distilled, scales=scales)
            except ValueError as problem:
                raise ValueError(f"ladder: {rung.name!r} runs {rung.model} with {problem}") from None
        suite = self._scenes()
        for name, model in inputs["models"].items() if suite else ():
            kept = model.get("held_out", sorted(suite.held_out))
            if kept != sorted(suite.held_out):
                raise ValueError(
                    f"held_out: {', '.join(suite.held_out) or 'nothing'}, but the data of {name} held out "
                    f"{', '.join(kept) or 'nothing'}"
                )
        width, height = sizes.pop()
        items = (suite or self.suite).items(self.seed, width or 64, height or 64)
        for judge in self.judges:
            if not any(map(judge.applies, items)):
                raise ValueError(
                    f"judges: {judge.name()} applies to no prompt (ocr needs quoted strings, vlm needs questions, "
                    "scenes needs their suite)"
                )
        return {"rungs": len(self.rows), "prompts": len(items), "suite": (suite or self.suite).name()}

    def run(self, out: Path, host: Host) -> dict:
        import torch

        from seedream_core.evaluation.suites.scenes import SceneFigures
        from seedream_core.pipeline import generator
        from seedream_core.pipeline.sampler import Sampler
        from seedream_core.report import sides

        host.limit_threads()
        device = "cuda" if host.accelerator != "cpu" and torch.cuda.is_available() else "cpu"
        if self.precision == "bf16" and device == "cpu":
            processor.require_bf16("precision")
        bf16 = host.bf16() if self.precision == "auto" else self.precision == "bf16"
        spec, scenes = generator.read_spec(self.models[self.rows[0].model]), self._scenes()
        suite = scenes or self.suite
        items = suite.items(self.seed, spec.width, spec.height)
        exam = scenes.exam(self.seed, spec.width, spec.height) if scenes else None
        judging = Judging(self._judges(), items, host)
        measured = SceneFigures(exam, self.vae) if exam else None

        rungs, lines, key, sampler = [], [], None, None
        for rung in self.rows:
            if rung.model != key:
                key, sampler = rung.model, Sampler.load(self.models[rung.model], bf16=bf16, device=device)
            row, images = self._draw(rung, len(rungs), sampler, items, exam, out)
            judged = judging(images)
            files = self._keep(out, len(rungs), items, KEPT if exam else len(items))
            lines += [
                {
                    "row": rung.name,
                    "set": item.set,
                    "index": item.index,
                    "prompt": item.prompt,
                    "seed": item.seed,
                    "file": file,
                    **_scored(found),
                }
                for item, file, found in zip(items, files, judged, strict=True)
            ]
            if measured:
                row |= measured.row(rung.name, images, judged, files)
            row |= {"judges": judging.means(judged), "megabytes": _megabytes(self.models[rung.model])}
            rungs.append(row)
        scores = {
            "format": FORMAT,
            "suite": suite.name(),
            "seed": self.seed,
            "prompts": _counts(items),
            "models": {name: _origin(folder, out) for name, folder in self.models.items()},
            "rungs": rungs,
            "speed": {
                "repeats": self.repeats,
                "batch": self.batch,
                "precision": "bf16" if bf16 else "f32",
                "threads": torch.get_num_threads(),
                "machine": _machine(device),
            },
        }
        if measured:
            scores |= measured.summary(_origin(self.vae, out))
            artifact.write_atomic(out / "verdicts.jsonl", _lines(measured.verdicts))
        artifact.write_atomic(out / "scores.json", json.dumps(scores, indent=1, ensure_ascii=False) + "\n")
        artifact.write_atomic(out / "scores.jsonl", _lines(lines))
        artifact.write_atomic(out / "side_by_side.html", sides.page(out, lines, items))
        if measured:
            return {
                "accuracy": {
                    row["name"]: {name: rate["share"] for name, rate in row["accuracy"].items()} for row in rungs
                }
            }
        return {"scores": {row["name"]: row["judges"] for row in rungs}}

    def _short(self) -> dict[str, Any]:
        """The options that are short for those of the scenes suite, where they are given."""
        given = {name: getattr(self, name) for name in ("prompts", "held_out_prompts", "held_out")}
        return {name: value for name, value in given.items() if value is not None}

    def _scenes(self) -> "ScenesSuite | None":
        """The suite, where it asks for scenes."""
        from seedream_core.evaluation.suites.scenes import ScenesSuite

        if self.suite is None:
            return ScenesSuite(**self._short())
        return self.suite if isinstance(self.suite, ScenesSuite) else None

    def _judges(self) -> tuple[Judge, ...]:
        """Those that are named, and the reader of scenes where scenes are asked for."""
        if self._scenes() is None or any(judge.name() == "scenes" for judge in self.judges):
            return self.judges
        return (Judge.find("scenes")(), *self.judges)

    def _draw(
        self,
        rung: Rung,
        number: int,
        sampler: "Sampler",
        items: Sequence[SuiteItem],
        exam: "Exam | None",
        out: Path,
    ) -> tuple[dict, "np.ndarray"]:
        """Every picture of one row, and how they were drawn; scenes are timed, too."""
        import numpy as np

        from seedream_core.pipeline.drawing import Drawing
        from seedream_core.progress import track

        method = rung.solver or Solver.read("euler")
        steps = rung.steps or sampler.spec.steps
        guidance = sampler.spec.guidance if rung.guidance is None else rung.guidance
        rule = rung.guidance_rule or PlainGuidance()
        size = {"width": sampler.spec.width, "height": sampler.spec.height}
        options = {"steps": steps, "guidance": guidance, "guidance_rule": rule, "solver": method} | size
        drawing = Drawing(_scratch(out, number), sampler, options, self.batch)
        parts = []
        with track(f"bench {rung.name}", len(items)) as progress:
            for _, group in itertools.groupby(items, lambda item: item.set):
                some = list(group)
                parts.append(
                    drawing.pictures(
                        list(map(_stem, some)),
                        [item.prompt for item in some],
                        [item.seed for item in some],
                        progress,
                    )
                )
        per_second = drawing.per_second()
        row = {
            "name": rung.name,
            "model": rung.model,
            "format": sampler.spec.format,
            "steps": steps,
            "guidance": guidance,
            "guidance_rule": dump(rule),
            "solver": method.text(),
            "evaluations": sampler.evaluations(**options),
            "images_per_second": per_second,
            "seconds_per_image": _alone(sampler, exam, self.repeats, options)
            if exam
            else 1 / per_second
            if per_second
            else None,
        }
        return row, np.concatenate(parts)

    def _keep(self, out: Path, number: int, items: Sequence[SuiteItem], kept: int) -> list[str | None]:
        """Copies the first pictures of each set to where they stay; their names from `out`."""
        kept = kept if self.pictures is None else self.pictures
        files: list[str | None] = []
        for item in items:
            file = f"pictures/{number:02d}/{_stem(item)}.png" if item.index < kept else None
            if file:
                (out / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(_scratch(out, number) / f"{_stem(item)}.png", out / file)
            files.append(file)
        return files


def _scored(found: Mapping[str, "Judgement"]) -> dict:
    """Atoms, score and reason of all judges together; null where none applies."""
    if not found:
        return {"atoms": None, "score": None, "reason": None}
    return {
        "atoms": [atom.to_json() for judgement in found.values() for atom in judgement.atoms],
        "score": statistics.mean(judgement.score for judgement in found.values()),
        "reason": "; ".join(judgement.reason for judgement in found.values() if judgement.reason) or None,
    }


def _stem(item: SuiteItem) -> str:
    return f"{item.set}_{item.index:05d}"


def _scratch(out: Path, number: int) -> Path:
    """Where the pictures of a row are kept until the step is finished."""
    return out / artifact.SCRATCH / f"{number:02d}"


def _counts(items: Sequence[SuiteItem]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for item in items:
        counts[item.set] = counts.get(item.set, 0) + 1
    return counts


def _lines(rows: Sequence[dict]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _alone(sampler: "Sampler", exam: "Exam", repeats: int, options: dict) -> float:
    """Seconds for one picture by itself, after one to warm up: the median."""
    seconds = []
    for index in range(repeats + 1):
        prompt = exam.prompts["seen"][index % len(exam.prompts["seen"])]
        started = time.perf_counter()
        sampler.images([prompt.text], [exam.seed + index], **options)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])


def _megabytes(folder: Path) -> dict[str, float]:
    """Sizes of the files that a picture needs."""
    from seedream_core.pipeline import generator

    spec = generator.read_spec(folder)
    parts = {
        "network": folder,
        "autoencoder": generator.locate(folder, spec.autoencoder),
        "text": generator.locate(folder, spec.text),
    }
    sizes = {
        name: sum(file.stat().st_size for file in (part / "network").rglob("*") if file.is_file()) / 1e6
        for name, part in parts.items()
    }
    return sizes | {"total": sum(sizes.values())}


def _origin(folder: Path, out: Path) -> dict:
    manifest = artifact.read(folder)
    return {
        "path": os.path.relpath(folder, out),
        "digest": manifest.digest,
        "stage": manifest.stage,
        "facts": manifest.facts,
    }


def _machine(device: str) -> str:
    """The processor that the seconds belong to."""
    import torch

    if device == "cuda":
        return torch.cuda.get_device_name()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _sizes(sizes: set[tuple[int, int]]) -> str:
    return " and ".join(sorted(f"{width}x{height}" for width, height in sizes))
