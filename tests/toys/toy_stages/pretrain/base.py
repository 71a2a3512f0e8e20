"""A generator that can be stopped; it goes on from its last checkpoint."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from toy_paint import Paint

from seedream_core.errors import DataError, NothingMade
from seedream_core.workflow.host import Train
from seedream_core.workflow.stage import Autoencoder, Shards, Stage


@dataclass(frozen=True, kw_only=True)
class BaseStage(Stage):
    makes: ClassVar[str] = "generator"
    distributed: ClassVar[bool] = True
    data: tuple[Shards, ...]
    vae: Autoencoder | None = None
    paint: Paint
    train: Train
    end: Literal["well", "error", "nothing", "interrupt", "kill"] = field(
        default="well", metadata={"fingerprint": False}
    )

    def facts(self, inputs):
        assert [set(item) for item in inputs["data"]] == [{"samples"}] * len(self.data)
        return {"format": "bf16", "factor": inputs["vae"]["factor"] if inputs["vae"] else 1}

    def run(self, out: Path, host):
        if self.end == "nothing":
            raise NothingMade("nothing came of it")
        (out / "checkpoints").mkdir(exist_ok=True)
        seen = len(list((out / "checkpoints").iterdir()))
        (out / "checkpoints" / str(seen)).write_text("1")
        if self.end == "error":
            raise DataError("out of paint")
        if self.end == "interrupt":
            raise KeyboardInterrupt
        if self.end == "kill":
            os.kill(os.getpid(), 9)
        (out / "network.txt").write_text(f"{self.paint} {self.train.lr}")
        return {"sessions": seen + 1, "worst": float("nan")}
