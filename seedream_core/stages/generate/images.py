"""Draws pictures of a prompt file or of evaluation prompts about synthetic scenes, one seed each."""

import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge

from seedream_core.flow.guidance import GuidanceRule, check_request
from seedream_core.flow.guidance.plain import PlainGuidance
from seedream_core.flow.solvers import Solver
from seedream_core.generate.prompts import Line, read
from seedream_core.workflow import artifact, stage
from seedream_core.workflow.host import Host

if TYPE_CHECKING:
    import numpy
    import torch

    from seedream_core.generate.metadata import Request


@dataclass(frozen=True, kw_only=True)
class ImagesStage(stage.Stage):
    makes: ClassVar[str] = "images"
    distributed: ClassVar[bool] = True
    model: stage.Generator
    "the generator that draws"
    prompts: stage.Folder | None = None
    "a .txt, .jsonl or .csv file of prompts; none with `evaluation`"
    evaluation: Annotated[int, Ge(0)] = 0
    "number of evaluation prompts about synthetic scenes: a third of each kind, half in each language"
    held_out: bool = False
    "use evaluation prompts with colour-shape pairs that training never shows"
    count: Annotated[int, Ge(1)] = 1
    "pictures per prompt"
    seed: Annotated[int, Ge(0)] = 0
    "picture i is drawn from seed + i"
    size: tuple[Annotated[int, Ge(1)], Annotated[int, Ge(1)]] | None = None
    "width and height in pixels; none for the model's default"
    steps: Annotated[int, Ge(1)] | None = None
    "solver steps; none for the model's default"
    guidance: Annotated[float, Ge(0)] | None = None
    "classifier-free guidance; none for the model's default"
    guidance_rule: GuidanceRule | None = None
    "rule that combines the conditional and unconditional velocities; none for plain"
    solver: Solver | None = None
    "solver of the sampling steps; none for euler"

    def __post_init__(self) -> None:
        if (self.prompts is None) == (self.evaluation == 0):
            raise ValueError("give either prompts (a file) or evaluation (a number of prompts)")

    def facts(self, inputs: Mapping[str, Any]) -> dict:
        lines, _ = self._lines()
        model = inputs["model"] or {}
        width, height = self.size or (model.get("width"), model.get("height"))
        check_request(
            self.guidance,
            self.guidance_rule,
            distilled=model.get("guidance_distilled", False),
            scales=model.get("guidance_scales"),
        )
        for name, side in (("width", width), ("height", height)):
            if side and side % model.get("factor", 1):
                raise ValueError(f"size: {name} {side} is not a multiple of the model's {model['factor']}")
        samples = len(lines) * self.count
        planned = {"samples": samples, "width": width, "height": height}
        if "net" not in model:
            return planned
        from seedream_core.generate import requests

        return planned | {"flops": samples * requests.evaluations(model, self) * model["flops_per_image_evaluation"]}

    def expected_seconds(self, inputs: Mapping[str, Any], host: Host) -> float | None:
        from seedream_core.generate import requests
        from seedream_core.training import rehearsal

        model = inputs["model"]
        if "net" not in model:
            return None
        batch = requests.default_batch(host.device())
        one = rehearsal.velocity_to_answer(model, batch, replace(host, precision="f32"))
        return self.facts(inputs)["samples"] * requests.evaluations(model, self) * one

    def run(self, out: Path, host: Host) -> dict:
        from seedream_core.generate import metadata, requests, sizes
        from seedream_core.pipeline import generator
        from seedream_core.pipeline.sampler import Sampler
        from seedream_core.training.predict import Prediction, predict

        (lines, asked), spec = self._lines(), generator.read_spec(self.model)
        wanted = requests.requests(
            lines,
            spec,
            seed=self.seed,
            count=self.count,
            size=self.size,
            steps=self.steps,
            guidance=self.guidance,
            guidance_rule=self.guidance_rule or PlainGuidance(),
            solver=self.solver.text() if self.solver else "euler",
        )
        if warning := sizes.untrained(spec, wanted):
            print(warning, file=sys.stderr)
        made_by = {"model_digest": artifact.read(self.model, "generator").digest, "version": metadata.version()}
        batch = requests.default_batch(host.device())

        def prepare(device: "torch.device") -> Sampler:
            # the settings of `seedream generate`, so that its --from draws each of these again
            sampler = Sampler.load(self.model, bf16=device.type == "cuda", device=str(device))
            sizes.check(sampler, wanted, min(batch, len(wanted)))
            return sampler

        prediction = Prediction(prepare=prepare, read=lambda rows: rows, answer=requests.draw)
        started = time.perf_counter()
        with _Output(out / "images", wanted, made_by, batch) as output:
            predict(prediction, output.plan, output.write, host)
        seconds = time.perf_counter() - started
        sheet = metadata.Sheet(wanted, columns=self.count if self.count > 1 else None)
        rows = []
        for index, request in enumerate(wanted):
            sheet.add(metadata.load(output.path(index)))
            rows.append(metadata.index_line(output.path(index).name, request, **asked[index // self.count]))
        artifact.write_atomic(out / "prompts.jsonl", "".join(rows))
        metadata.save(out / "grid.png", sheet.pixels)
        drawn = {"seconds_per_image": round(seconds / output.drawn, 4)} if output.drawn else {}
        return {"pictures": len(wanted), **drawn}

    def _lines(self) -> tuple[list[Line], list[dict]]:
        """The prompts, and further facts of each (of an evaluation prompt: language, kind, request)."""
        if self.prompts is not None:
            lines = read(str(self.prompts))
            return lines, [{}] * len(lines)
        from seedream_core.synthetic.scenes.prompts import evaluation_prompts

        asked = evaluation_prompts(self.evaluation, self.seed, held_out=self.held_out)
        return (
            [Line(prompt=prompt.text) for prompt in asked],
            [{key: value for key, value in prompt.to_json().items() if key != "text"} for prompt in asked],
        )


class _Output:
    """The PNG files of a run; those that an interrupted run drew with the same settings are kept."""

    def __init__(self, folder: Path, wanted: "list[Request]", made_by: dict[str, str], batch: int) -> None:
        self.folder, self.wanted, self.made_by, self.batch = folder, wanted, made_by, batch
        self.drawn = 0
        self._stack = ExitStack()

    def __enter__(self) -> "_Output":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)

    def path(self, index: int) -> Path:
        return self.folder / f"{index:05d}.png"

    def plan(self) -> "list[list[Request]]":
        """Batches of the pictures that are not drawn yet."""
        from seedream_core.generate import requests
        from seedream_core.progress import track

        self.folder.mkdir(parents=True, exist_ok=True)
        self._left = [index for index in range(len(self.wanted)) if not self._stands(index)]
        done = len(self.wanted) - len(self._left)
        self.progress = self._stack.enter_context(track("pictures", len(self.wanted), done=done))
        return list(requests.batches([self.wanted[index] for index in self._left], self.batch))

    def write(self, rows: "list[Request]", pictures: "numpy.ndarray") -> None:
        from seedream_core.generate import metadata

        for request, pixels in zip(rows, pictures, strict=True):
            index = self._left[self.drawn]
            metadata.save(self.path(index), pixels, metadata.Origin(request=request, **self.made_by))
            self.drawn += 1
        self.progress.advance(len(rows))

    def _stands(self, index: int) -> bool:
        from seedream_core.errors import UserError
        from seedream_core.generate import metadata

        if not self.path(index).is_file():
            return False
        try:
            origin = metadata.origin(self.path(index))
        except UserError:
            return False
        return origin == metadata.Origin(request=self.wanted[index], **self.made_by)
