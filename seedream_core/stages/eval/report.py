"""Writes one self-contained page about a benchmark: compared models, pictures side by side, training, data, costs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from seedream_core.workflow import artifact, stage
from seedream_core.workflow.host import Host


@dataclass(frozen=True, kw_only=True)
class EvalReportStage(stage.Stage):
    makes: ClassVar[str] = "report"
    scores: stage.Scores
    "scores of eval/bench; the steps behind them are found through their manifests"
    pictures: stage.Images | None = None
    "pictures at the top of the page, in their order; none picks right ones of the last model"

    def facts(self, inputs: Mapping[str, Any]) -> dict:
        if inputs["scores"].get("suite", "scenes") != "scenes":
            raise ValueError("scores: this page is for scenes; other suites have side_by_side.html in their folder")
        return {"rungs": inputs["scores"].get("rungs")}

    def run(self, out: Path, host: Host) -> dict:
        from seedream_core.report.page import build

        page = build(self.scores, self.pictures)
        artifact.write_atomic(out / "report.html", page.html)
        artifact.write_atomic(out / "summary.json", json.dumps(page.summary, indent=1, ensure_ascii=False) + "\n")
        return {"megabytes": round(len(page.html.encode()) / 1e6, 2)}
