"""Judge them all."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from seedream_core.workflow.stage import Generator, Stage


@dataclass(frozen=True, kw_only=True)
class JudgeStage(Stage):
    makes: ClassVar[str] = "scores"
    models: dict[str, Generator]

    def facts(self, inputs):
        return {"judged": sorted(inputs["models"])}

    def run(self, out: Path, host):
        (out / "scores.txt").write_text("\n".join(self.models))
