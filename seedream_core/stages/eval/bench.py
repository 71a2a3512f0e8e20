"""Compares models on the same prompts and noise: what judges see in every picture, distances, seconds and megabytes.

A suite says what is asked, judges say what is seen. The scenes of the embedded world have a reader of their own, strict
accuracy, and distances to true pictures; a user's prompts get the judges that are named and a page side by side.
"""

import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
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
    import torch

    from seedream_core.evaluation.judges import Judgement
    from seedream_core.evaluation.suites.scenes import ScenesSuite
    from seedream_core.generate.metadata import Request
    from seedream_core.pipeline.sampler import Sampler, Samplers

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
    distributed: ClassVar[bool] = True
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
            found = " and ".join(sorted(f"{width}x{height}" for width, height in sizes))
            raise ValueError(f"models: the same noise needs one size, but these make {found}")
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
        planned = {"rungs": len(self.rows), "prompts": len(items), "suite": (suite or self.suite).name()}
        models = inputs["models"]
        if not all("net" in model for model in models.values()):
            return planned
        from seedream_core.generate import requests

        of_one = {
            row.name: requests.evaluations(models[row.model], row) * models[row.model]["flops_per_image_evaluation"]
            for row in self.rows
        }
        return planned | {"flops": len(items) * sum(of_one.values())}

    def expected_seconds(self, inputs: Mapping[str, Any], host: Host) -> float | None:
        from seedream_core.generate import requests
        from seedream_core.training import rehearsal

        models = inputs["models"]
        if not all("net" in model for model in models.values()):
            return None
        precision = host.precision if self.precision == "auto" else self.precision
        host = replace(host, precision=precision)
        of_one = {name: rehearsal.velocity_to_answer(model, self.batch, host) for name, model in models.items()}
        prompts = self.facts(inputs)["prompts"]
        return sum(prompts * requests.evaluations(models[row.model], row) * of_one[row.model] for row in self.rows)

    def run(self, out: Path, host: Host) -> dict:
        import torch

        from seedream_core.evaluation import judges
        from seedream_core.evaluation.metrics import cost
        from seedream_core.evaluation.suites.scenes import SceneFigures
        from seedream_core.pipeline import generator
        from seedream_core.pipeline.sampler import Samplers
        from seedream_core.report import sides
        from seedream_core.training.predict import Prediction, predict

        host.limit_threads()
        device = host.device()
        if self.precision == "bf16" and device == "cpu":
            processor.require_bf16("precision")
        bf16 = host.bf16() if self.precision == "auto" else self.precision == "bf16"
        spec, scenes = generator.read_spec(self.models[self.rows[0].model]), self._scenes()
        suite = scenes or self.suite
        items = suite.items(self.seed, spec.width, spec.height)
        wanted, samplers = [self._requests(rung, items) for rung in self.rows], Samplers(self.models, bf16)
        prediction = Prediction(
            prepare=lambda device: _Artist(self, items, wanted, samplers, host, device),
            read=lambda part: part,
            answer=lambda artist, part: artist(part),
        )
        with _Output(out, items, len(self.rows), self.batch) as output:
            predict(prediction, output.plan, output.write, host)

        # the leading rank is alone from here on, so that nothing else runs while single pictures are timed
        exam = scenes.exam(self.seed, spec.width, spec.height) if scenes else None
        measured = SceneFigures(exam, self.vae) if exam else None
        rungs, lines = [], []
        for number, rung in enumerate(self.rows):
            images, judged, per_second = output.row(number)
            sampler = samplers(rung.model, device)
            row = _described(rung, sampler, wanted[number][0])
            alone = cost.seconds_alone(sampler, wanted[number], self.repeats) if exam else 1 / per_second
            row |= {"images_per_second": per_second, "seconds_per_image": alone}
            files = self._keep(out, number, items, KEPT if exam else len(items))
            lines += [
                {
                    "row": rung.name,
                    "set": item.set,
                    "index": item.index,
                    "prompt": item.prompt,
                    "seed": item.seed,
                    "file": file,
                    **judges.together(found),
                }
                for item, file, found in zip(items, files, judged, strict=True)
            ]
            if measured:
                row |= measured.row(rung.name, images, judged, files)
            row |= {
                "judges": judges.means(self._judges(), judged),
                "megabytes": cost.megabytes(self.models[rung.model]),
            }
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
                "machine": cost.machine(device),
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

    def _requests(self, rung: Rung, items: Sequence[SuiteItem]) -> "list[Request]":
        """The pictures of one row."""
        from seedream_core.generate import requests
        from seedream_core.generate.prompts import Line
        from seedream_core.pipeline import generator

        return requests.requests(
            [Line(prompt=item.prompt, seed=item.seed) for item in items],
            generator.read_spec(self.models[rung.model]),
            steps=rung.steps,
            guidance=rung.guidance,
            guidance_rule=rung.guidance_rule or PlainGuidance(),
            solver=(rung.solver or Solver.read("euler")).text(),
        )

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


@dataclass(frozen=True)
class _Part:
    """Pictures that are drawn and judged together."""

    row: int
    """Of the ladder."""
    items: range
    """Of the suite, all of one set."""


@dataclass(frozen=True)
class _Drawn:
    """What came of a part."""

    images: "np.ndarray"
    """B×H×W×3."""
    judged: "list[dict[str, Judgement]]"
    seconds: float
    """What drawing took, without judging."""


class _Artist:
    """Draws and judges parts on one rank. UserError where memory does not allow a row, before the first is drawn."""

    def __init__(
        self,
        stage: BenchStage,
        items: Sequence[SuiteItem],
        wanted: "Sequence[Sequence[Request]]",
        samplers: "Samplers",
        host: Host,
        device: "torch.device",
    ) -> None:
        from seedream_core.generate import sizes

        self.stage, self.items, self.wanted, self.samplers, self.device = stage, items, wanted, samplers, str(device)
        for rung, requests in reversed([*zip(stage.rows, wanted)]):  # the first row's model is what stays in memory
            sizes.check(samplers(rung.model, self.device), requests, min(stage.batch, len(items)))
        self.judging = Judging(stage._judges(), host)

    def __call__(self, part: _Part) -> _Drawn:
        from seedream_core.generate import requests

        sampler = self.samplers(self.stage.rows[part.row].model, self.device)
        started = time.perf_counter()
        images = requests.draw(sampler, [self.wanted[part.row][index] for index in part.items])
        seconds = time.perf_counter() - started
        return _Drawn(images, self.judging([self.items[index] for index in part.items], images), seconds)


class _Output:
    """Pictures and judgements, kept part by part in the scratch folder: a killed run goes on with what is missing."""

    def __init__(self, out: Path, items: Sequence[SuiteItem], rows: int, batch: int) -> None:
        self.out, self.items, self.rows, self.batch = out, items, rows, batch
        self._stack = ExitStack()

    def __enter__(self) -> "_Output":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)

    def plan(self) -> list[_Part]:
        """What is not drawn and judged yet, row after row."""
        from seedream_core.progress import track

        parts = [part for row in range(self.rows) for part in self._parts(row)]
        left = [part for part in parts if not self._record(part).is_file()]
        total, missing = (sum(len(part.items) for part in some) for some in (parts, left))
        self.progress = self._stack.enter_context(track("bench", total, done=total - missing))
        return left

    def write(self, part: _Part, drawn: _Drawn) -> None:
        from seedream_core.generate import metadata

        _scratch(self.out, part.row).mkdir(parents=True, exist_ok=True)
        for index, pixels in zip(part.items, drawn.images, strict=True):
            metadata.save(self._picture(part.row, index), pixels)
        judged = [{name: one.to_json() for name, one in found.items()} for found in drawn.judged]
        # last, so that a part with a record is whole
        artifact.write_atomic(self._record(part), json.dumps({"seconds": drawn.seconds, "judged": judged}))
        self.progress.advance(len(part.items))

    def row(self, number: int) -> "tuple[np.ndarray, list[dict[str, Judgement]], float]":
        """Pictures and judgements of one row in the order of the items, and pictures drawn per second and device."""
        import numpy as np

        from seedream_core.evaluation.judges import Judgement
        from seedream_core.generate import metadata

        records = [json.loads(self._record(part).read_bytes()) for part in self._parts(number)]
        images = np.stack([metadata.load(self._picture(number, index)) for index in range(len(self.items))])
        judged = [
            {name: Judgement.from_json(tree) for name, tree in found.items()}
            for record in records
            for found in record["judged"]
        ]
        return images, judged, len(images) / sum(record["seconds"] for record in records)

    def _parts(self, row: int) -> list[_Part]:
        parts, start = [], 0
        for count in _counts(self.items).values():
            end = start + count
            parts += [_Part(row, range(first, min(first + self.batch, end))) for first in range(start, end, self.batch)]
            start = end
        return parts

    def _picture(self, row: int, index: int) -> Path:
        return _scratch(self.out, row) / f"{_stem(self.items[index])}.png"

    def _record(self, part: _Part) -> Path:
        return self._picture(part.row, part.items.start).with_suffix(".json")


def _described(rung: Rung, sampler: "Sampler", asked: "Request") -> dict:
    """How the pictures of a row are drawn."""
    settings = {"steps": asked.steps, "guidance": asked.guidance, "solver": asked.solver}
    evaluations = sampler.evaluations(asked.width, asked.height, guidance_rule=asked.guidance_rule, **settings)
    return {
        "name": rung.name,
        "model": rung.model,
        "format": sampler.spec.format,
        **settings,
        "guidance_rule": dump(asked.guidance_rule),
        "evaluations": evaluations,
    }


def _stem(item: SuiteItem) -> str:
    return f"{item.set}_{item.index:05d}"


def _scratch(out: Path, number: int) -> Path:
    """Where the pictures of a row are kept until the step is finished."""
    return out / artifact.SCRATCH / f"{number:02d}"


def _counts(items: Sequence[SuiteItem]) -> dict[str, int]:
    return dict(Counter(item.set for item in items))


def _lines(rows: Sequence[dict]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _origin(folder: Path, out: Path) -> dict:
    manifest = artifact.read(folder)
    return {
        "path": os.path.relpath(folder, out),
        "digest": manifest.digest,
        "stage": manifest.stage,
        "facts": manifest.facts,
    }
