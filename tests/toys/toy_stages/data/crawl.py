"""Count to `samples`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Ge

from seedream_core.workflow.stage import Folder, Stage


@dataclass(frozen=True, kw_only=True)
class CrawlStage(Stage):
    makes: ClassVar[str] = "shards"
    samples: Annotated[int, Ge(1)] = 3
    "how many"
    source: Folder | None = None

    def facts(self, inputs):
        return {"samples": self.samples}

    def run(self, out: Path, host):
        (out / "shards").mkdir(exist_ok=True)
        (out / "shards" / "all.txt").write_text("x" * self.samples)
        return {"written": self.samples, "facts": {"samples": self.samples - 1}}
