"""Compares models on the same prompts and noise: strict scene accuracy, distances, seconds and megabytes."""

import itertools
import json
import os
import platform
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, MinLen

from seedream_core.flow.guidance import GuidanceRule, check_request
from seedream_core.flow.guidance.plain import PlainGuidance
from seedream_core.flow.solvers import Solver
from seedream_core.synthetic.scenes.world import HELD_OUT, World
from seedream_core.workflow import artifact, stage
from seedream_core.workflow.config import Config, dump, nearest
from seedream_core.workflow.host import Host

if TYPE_CHECKING:
    import numpy as np

    from seedream_core.evaluation.suites.exam import Exam
    from seedream_core.pipeline.sampler import Sampler

FORMAT = 1


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
    models: dict[str, stage.Generator]
    "the models, each under a name that the ladder uses"
    vae: stage.Autoencoder
    "whose encoder gives the features of the distances, and whose round trip is judged too"
    ladder: Annotated[tuple[Rung, ...], MinLen(1)]
    "the rows to compare, in order"
    prompts: Annotated[int, Ge(6)] = 300
    "prompts of colour-shape pairs that training shows: a third of each kind, half in each language"
    held_out_prompts: Annotated[int, Ge(0)] = 120
    "prompts with a pair that training never shows"
    held_out: tuple[str, ...] = HELD_OUT
    "those pairs, as data/synthetic held them out"
    seed: Annotated[int, Ge(0)] = 1000
    "of prompts and reference pictures; picture i starts from noise seed + i"
    pictures: Annotated[int, Ge(0)] = 24
    "how many pictures of each row and set are kept"
    repeats: Annotated[int, Ge(1)] = 7
    "single pictures timed for the median"
    batch: Annotated[int, Ge(1)] = 32
    "pictures drawn at once"
    precision: Literal["auto", "bf16", "f32"] = "auto"
    "arithmetic of the networks; auto is the host's"

    def __post_init__(self) -> None:
        for rung in self.ladder:
            if rung.model not in self.models:
                known = nearest(rung.model, self.models) or f"; the models are {', '.join(self.models)}"
                raise ValueError(f"ladder: {rung.name!r} runs {rung.model!r}, which is none of `models`{known}")
        names = [rung.name for rung in self.ladder]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"ladder: two rows are named {twice[0]!r}")
        World(held_out=self.held_out)  # refuses pairs that are none
        if self.held_out_prompts and not self.held_out:
            raise ValueError("held_out_prompts: nothing is held out; set it to 0")

    def facts(self, inputs: Mapping[str, Any]) -> dict:
        sizes = {(facts.get("width"), facts.get("height")) for facts in inputs["models"].values()}
        if len(sizes) > 1:
            raise ValueError(f"models: the same noise needs one size, but these make {_sizes(sizes)}")
        for name, model in inputs["models"].items():
            kept = model.get("held_out", sorted(self.held_out))
            if kept != sorted(self.held_out):
                raise ValueError(
                    f"held_out: {', '.join(self.held_out) or 'nothing'}, but the data of {name} held out "
                    f"{', '.join(kept) or 'nothing'}"
                )
        for rung in self.ladder:
            model = inputs["models"][rung.model]
            distilled, scales = model.get("guidance_distilled", False), model.get("guidance_scales")
            try:
                check_request(rung.guidance, rung.guidance_rule, distilled=distilled, scales=scales)
            except ValueError as problem:
                raise ValueError(f"ladder: {rung.name!r} runs {rung.model} with {problem}") from None
        return {"rungs": len(self.ladder), "prompts": self.prompts + self.held_out_prompts}

    def run(self, out: Path, host: Host) -> dict:
        import torch

        from seedream_core.evaluation.metrics.distances import Distances, LatentFeatures
        from seedream_core.evaluation.metrics.paired import compare
        from seedream_core.evaluation.suites import exam as exams
        from seedream_core.pipeline import generator
        from seedream_core.pipeline.sampler import Sampler

        host.limit_threads()
        device = "cuda" if host.accelerator != "cpu" and torch.cuda.is_available() else "cpu"
        bf16 = host.bf16() if self.precision == "auto" else self.precision == "bf16"
        spec = generator.read_spec(self.models[self.ladder[0].model])
        world = World(width=spec.width, height=spec.height, held_out=self.held_out)
        exam = exams.Exam.draw(world, self.seed, seen=self.prompts, held_out=self.held_out_prompts)
        autoencoder = generator.load_autoencoder(self.vae)
        distances = Distances(LatentFeatures(autoencoder), exam.renders("reference"))

        rungs, verdicts, rights, key, sampler = [], [], {}, None, None
        for rung in self.ladder:
            if rung.model != key:
                key, sampler = rung.model, Sampler.load(self.models[rung.model], bf16=bf16, device=device)
            row, images, graded = self._climb(rung, sampler, exam)
            shown = {name: _keep(out, len(rungs), name, images[name][: self.pictures]) for name in images}
            verdicts += exams.verdicts(exam, graded, rung.name, shown)
            rights[rung.name] = {name: accuracy.rights for name, accuracy in graded.items()}
            rungs.append(
                row
                | {
                    "accuracy": {name: accuracy.rate.to_json() for name, accuracy in graded.items()},
                    "breakdown": exams.breakdown(graded),
                    "distance": distances.to(images["seen"]).to_json(),
                    "megabytes": _megabytes(self.models[rung.model]),
                }
            )
        renders = exam.renders("fresh")
        scores = {
            "format": FORMAT,
            "seed": self.seed,
            "prompts": {"seen": self.prompts, "held_out": self.held_out_prompts},
            "models": {name: _origin(folder, out) for name, folder in self.models.items()},
            "rungs": rungs,
            "comparisons": [
                {"first": first, "second": second, "set": name}
                | compare(rights[first][name], rights[second][name]).to_json()
                for first, second in itertools.combinations(rights, 2)
                for name in exam.prompts
            ],
            "renders": {"accuracy": exam.grade(renders).rate.to_json(), "distance": distances.to(renders).to_json()},
            "autoencoder": _origin(self.vae, out) | _round_trip(autoencoder, renders, exam, distances),
            "speed": {
                "repeats": self.repeats,
                "batch": self.batch,
                "precision": "bf16" if bf16 else "f32",
                "threads": torch.get_num_threads(),
                "machine": _machine(device),
            },
        }
        artifact.write_atomic(out / "scores.json", json.dumps(scores, indent=1, ensure_ascii=False) + "\n")
        artifact.write_atomic(
            out / "verdicts.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in verdicts)
        )
        return {
            "accuracy": {row["name"]: {name: rate["share"] for name, rate in row["accuracy"].items()} for row in rungs}
        }

    def _climb(self, rung: Rung, sampler: "Sampler", exam: "Exam") -> tuple[dict, dict[str, "np.ndarray"], dict]:
        """Draws and judges every picture of one row."""
        from seedream_core.progress import track

        method = rung.solver or Solver.read("euler")
        steps = rung.steps or sampler.spec.steps
        guidance = sampler.spec.guidance if rung.guidance is None else rung.guidance
        rule = rung.guidance_rule or PlainGuidance()
        options = {
            "steps": steps,
            "guidance": guidance,
            "guidance_rule": rule,
            "solver": method,
            "width": exam.world.width,
            "height": exam.world.height,
        }
        alone = _alone(sampler, exam, self.repeats, options)
        images, started = {}, time.perf_counter()
        with track(f"bench {rung.name}", sum(map(len, exam.prompts.values()))) as progress:
            for name, prompts in exam.prompts.items():
                texts = [prompt.text for prompt in prompts]
                images[name] = sampler.images(texts, exam.seeds(name), batch=self.batch, progress=progress, **options)
        seconds = time.perf_counter() - started
        row = {
            "name": rung.name,
            "model": rung.model,
            "format": sampler.spec.format,
            "steps": steps,
            "guidance": guidance,
            "guidance_rule": dump(rule),
            "solver": method.text(),
            "evaluations": sampler.evaluations(**options),
            "seconds_per_image": alone,
            "images_per_second": sum(map(len, images.values())) / seconds,
        }
        return row, images, {name: exam.grade(pictures, name) for name, pictures in images.items()}


def _alone(sampler: "Sampler", exam: "Exam", repeats: int, options: dict) -> float:
    """Seconds for one picture by itself, after one to warm up: the median."""
    seconds = []
    for index in range(repeats + 1):
        prompt = exam.prompts["seen"][index % len(exam.prompts["seen"])]
        started = time.perf_counter()
        sampler.images([prompt.text], [exam.seed + index], **options)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])


def _round_trip(autoencoder: Any, renders: "np.ndarray", exam: "Exam", distances: Any) -> dict:
    """What the autoencoder alone costs: renders, encoded and decoded, judged like a model's pictures."""
    import numpy as np
    import torch
    from torchmetrics.functional.image import peak_signal_noise_ratio

    from seedream_core.pipeline.sampler import to_pixels

    pixels = torch.from_numpy(renders).permute(0, 3, 1, 2)
    with torch.inference_mode():
        parts = [
            to_pixels(autoencoder.decode(autoencoder.encode(part.float() / 127.5 - 1).mean))
            for part in pixels.split(32)
        ]
    images = np.concatenate(parts)
    given, got = (torch.from_numpy(side).double() for side in (renders, images))
    psnr = peak_signal_noise_ratio(got, given, data_range=255.0, dim=(1, 2, 3))
    return {
        "psnr": float(psnr),
        "accuracy": exam.grade(images).rate.to_json(),
        "distance": distances.to(images).to_json(),
    }


def _keep(out: Path, rung: int, name: str, images: "np.ndarray") -> list[str]:
    """Writes pictures as PNG; their names from `out`."""
    from seedream_core.synthetic.scenes.render import png

    files = [f"pictures/{rung:02d}/{name}_{index:05d}.png" for index in range(len(images))]
    for file, image in zip(files, images):
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        (out / file).write_bytes(png(image))
    return files


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
