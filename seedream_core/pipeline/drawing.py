"""Draws the prompts of a comparison and keeps each picture at once, so that a killed run goes on where it was."""

import io
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seedream_core.pipeline.sampler import Sampler
from seedream_core.progress import Progress
from seedream_core.workflow.artifact import write_atomic


@dataclass(frozen=True)
class Drawing:
    """Where the pictures of one row of a comparison are kept, and how they are drawn."""

    folder: Path
    """Of the pictures, and of `seconds.jsonl`: how long each batch took."""
    sampler: Sampler
    options: dict[str, Any]
    """Of `Sampler.images`: width, height, steps, guidance, solver."""
    batch: int = 32

    def pictures(
        self, names: Sequence[str], prompts: Sequence[str], seeds: Sequence[int], progress: Progress | None = None
    ) -> np.ndarray:
        """B×H×W×3 uint8, one per prompt; those whose file `name.png` is there already are read instead of drawn.

        Batches are the same ones before and after a kill: a batch with a missing picture draws all that are missing in
        it together.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for start in range(0, len(prompts), self.batch):
            rows = [row for row in range(start, min(start + self.batch, len(prompts))) if not self._there(names[row])]
            if not rows:
                if progress:
                    progress.advance(len(prompts[start : start + self.batch]))
                continue
            started = time.perf_counter()
            drawn = self.sampler.images(
                [prompts[row] for row in rows], [seeds[row] for row in rows], batch=self.batch, **self.options
            )
            seconds = time.perf_counter() - started
            for row, pixels in zip(rows, drawn, strict=True):
                self._save(names[row], pixels)
            with open(self.folder / "seconds.jsonl", "a", encoding="utf-8") as lines:
                lines.write(json.dumps({"pictures": len(rows), "seconds": seconds}) + "\n")
            if progress:
                progress.advance(len(prompts[start : start + self.batch]))
        return np.stack([self.read(name) for name in names])

    def read(self, name: str) -> np.ndarray:
        with Image.open(self.folder / f"{name}.png") as image:
            return np.asarray(image.convert("RGB"))

    def per_second(self) -> float | None:
        """Pictures drawn per second over all runs; None where a kill came before any time was noted."""
        path = self.folder / "seconds.jsonl"
        lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.is_file() else []
        rows = [json.loads(line) for line in lines]
        return sum(row["pictures"] for row in rows) / sum(row["seconds"] for row in rows) if rows else None

    def _there(self, name: str) -> bool:
        return (self.folder / f"{name}.png").is_file()

    def _save(self, name: str, pixels: np.ndarray) -> None:
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        write_atomic(self.folder / f"{name}.png", stream.getvalue())
