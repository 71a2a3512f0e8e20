"""A step that says how long it takes."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from seedream_core.workflow.stage import Stage


@dataclass(frozen=True, kw_only=True)
class TimedStage(Stage):
    makes: ClassVar[str] = "report"
    distributed: ClassVar[bool] = True
    flops: float
    expects: float | None
    breaks: bool = False

    def facts(self, inputs):
        return {"flops": self.flops}

    def expected_seconds(self, inputs, host):
        if self.breaks:
            raise MemoryError("too large")
        return self.expects

    def run(self, out: Path, host):
        (out / "report.txt").write_text("done")
