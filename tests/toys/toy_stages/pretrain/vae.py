"""Learn to count."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from seedream_core.workflow.host import Train
from seedream_core.workflow.stage import Shards, Stage


@dataclass(frozen=True, kw_only=True)
class VaeStage(Stage):
    makes: ClassVar[str] = "autoencoder"
    data: Shards
    train: Train
    factor: int = 16

    def facts(self, inputs):
        if inputs["data"]["samples"] > 1000:
            raise ValueError(f"{inputs['data']['samples']} samples are too many")
        return {"factor": self.factor, "channels": 4}

    def run(self, out: Path, host):
        (out / "network.txt").write_text(f"{self.train.steps} {self.data.joinpath('shards/all.txt').read_text()}")
