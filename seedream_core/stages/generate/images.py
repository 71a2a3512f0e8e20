"""Pictures of a prompt file or of the embedded world's evaluation prompts, one seed each."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from annotated_types import Ge

from seedream_core.flow.guidance import GuidanceRule, check_request
from seedream_core.flow.guidance.plain import PlainGuidance
from seedream_core.flow.solvers import Solver
from seedream_core.generate.prompts import Line, read
from seedream_core.workflow import artifact, stage
from seedream_core.workflow.host import Host


@dataclass(frozen=True, kw_only=True)
class ImagesStage(stage.Stage):
    makes: ClassVar[str] = "images"
    model: stage.Generator
    "what draws"
    prompts: stage.Folder | None = None
    "a .txt, .jsonl or .csv file; or ask for `evaluation` prompts"
    evaluation: Annotated[int, Ge(0)] = 0
    "how many evaluation prompts of the embedded world: a third of each kind, half in each language"
    held_out: bool = False
    "evaluation prompts with colour-shape pairs that training never shows"
    count: Annotated[int, Ge(1)] = 1
    "pictures per prompt"
    seed: Annotated[int, Ge(0)] = 0
    "picture i is drawn from seed + i"
    size: tuple[Annotated[int, Ge(1)], Annotated[int, Ge(1)]] | None = None
    "width and height in pixels; none for the model's own"
    steps: Annotated[int, Ge(1)] | None = None
    "solver steps; none for the model's own"
    guidance: Annotated[float, Ge(0)] | None = None
    "classifier-free guidance; none for the model's own"
    guidance_rule: GuidanceRule | None = None
    "how the two velocities of guidance make one, and at which times; none for plain"
    solver: Solver | None = None
    "how the steps are taken; none for euler"

    def __post_init__(self) -> None:
        if (self.prompts is None) == (self.evaluation == 0):
            raise ValueError("give either prompts (a file) or evaluation (a number of prompts)")

    def facts(self, inputs: Mapping[str, Any]) -> dict:
        lines, _ = self._lines()
        model = inputs["model"] or {}
        width, height = self.size or (model.get("width"), model.get("height"))
        check_request(self.guidance, self.guidance_rule, distilled=model.get("guidance_distilled", False))
        for name, side in (("width", width), ("height", height)):
            if side and side % model.get("factor", 1):
                raise ValueError(f"size: {name} {side} is not a multiple of the model's {model['factor']}")
        return {"samples": len(lines) * self.count, "width": width, "height": height}

    def run(self, out: Path, host: Host) -> dict:
        from seedream_core.generate import metadata, requests
        from seedream_core.pipeline.sampler import Sampler
        from seedream_core.progress import track

        host.limit_threads()
        lines, asked = self._lines()
        device = "cuda" if host.accelerator != "cpu" and _gpu() else "cpu"
        # as `seedream generate` draws, so that --from makes each of these again
        sampler = Sampler.load(self.model, bf16=device == "cuda", device=device)
        wanted = requests.requests(
            lines,
            sampler.spec,
            seed=self.seed,
            count=self.count,
            size=self.size,
            steps=self.steps,
            guidance=self.guidance,
            guidance_rule=self.guidance_rule or PlainGuidance(),
            solver=self.solver.name() if self.solver else "euler",
        )
        digest, version = artifact.read(self.model, "generator").digest, metadata.version()
        folder = out / "images"
        folder.mkdir(parents=True, exist_ok=True)
        sheet = metadata.Sheet(wanted, columns=self.count if self.count > 1 else None)
        rows, started = [], time.perf_counter()
        with track("pictures", len(wanted)) as progress:
            for index, (request, pixels) in enumerate(requests.pictures(sampler, wanted)):
                name = f"{index:05d}.png"
                metadata.save(
                    folder / name, pixels, metadata.Origin(request=request, model_digest=digest, version=version)
                )
                sheet.add(pixels)
                rows.append(metadata.index_line(name, request, **asked[index // self.count]))
                progress.advance()
        seconds = time.perf_counter() - started
        (out / "prompts.jsonl").write_text("".join(rows), encoding="utf-8")
        metadata.save(out / "grid.png", sheet.pixels)
        return {"pictures": len(wanted), "seconds_per_image": round(seconds / len(wanted), 4)}

    def _lines(self) -> tuple[list[Line], list[dict]]:
        """The prompts, and what else is known of each (an evaluation prompt: language, kind, what it asks for)."""
        if self.prompts is not None:
            lines = read(str(self.prompts))
            return lines, [{}] * len(lines)
        from seedream_core.synthetic.scenes.prompts import evaluation_prompts

        asked = evaluation_prompts(self.evaluation, self.seed, held_out=self.held_out)
        return (
            [Line(prompt=prompt.text) for prompt in asked],
            [{key: value for key, value in prompt.to_json().items() if key != "text"} for prompt in asked],
        )


def _gpu() -> bool:
    import torch

    return torch.cuda.is_available()
