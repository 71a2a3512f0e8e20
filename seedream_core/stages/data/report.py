"""Writes a page about a data artifact: how many samples each filter dropped, example pictures with the reasons,
duplicates, defects and scores.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from seedream_core.workflow import artifact, stage
from seedream_core.workflow.host import Host


@dataclass(frozen=True, kw_only=True)
class DataReportStage(stage.Stage):
    makes: ClassVar[str] = "report"
    data: stage.Shards
    "artifact to report on; the steps that made it are found through its manifest"

    def run(self, out: Path, host: Host) -> dict:
        from seedream_core.report.samples import build

        page = build(self.data)
        artifact.write_atomic(out / "report.html", page)
        return {"megabytes": round(len(page.encode()) / 1e6, 2)}
