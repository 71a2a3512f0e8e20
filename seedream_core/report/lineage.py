"""Follows the manifests back from a result to every artifact that it was made from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from seedream_core.errors import UserError
from seedream_core.logs import read_rows
from seedream_core.workflow import artifact


@dataclass(frozen=True)
class LineageStep:
    """One artifact with the name of its folder and the names of its inputs."""

    name: str
    folder: Path
    manifest: artifact.Manifest
    inputs: tuple[str, ...]

    @property
    def megabytes(self) -> float:
        return sum(entry["bytes"] for entry in self.manifest.files.values()) / 1e6

    def log(self) -> list[dict]:
        """Rows of logs/metrics.jsonl; none for a step that does not train."""
        return read_rows(self.folder / "logs" / "metrics.jsonl")

    def fates(self) -> Counter[tuple[str, str]]:
        """Number of samples for each (fate, reason)."""
        return Counter((row["fate"], row.get("reason") or "") for row in read_rows(self.folder / "fates.jsonl"))


@dataclass(frozen=True)
class Lineage:
    steps: tuple[LineageStep, ...]
    """In the order of making: a step comes after its inputs."""
    lost: tuple[str, ...]
    """Inputs whose folders no longer exist."""


def trace(*folders: Path) -> Lineage:
    found: dict[str, LineageStep] = {}
    names: dict[str, str] = {}
    lost: dict[str, None] = {}

    def visit(folder: Path) -> str | None:
        try:
            manifest = artifact.read(folder)
        except UserError:
            if not folder.exists():  # a prompts file or an adopted folder exists without being an artifact
                lost[folder.name] = None
            return None
        if manifest.digest not in names:
            name = folder.name
            while name in names.values():
                name += "'"
            names[manifest.digest] = name
            parts = (visit(source) for field in manifest.inputs for source in manifest.sources(field))
            inputs = tuple(dict.fromkeys(part for part in parts if part))
            found[manifest.digest] = LineageStep(name, folder, manifest, inputs)
        return names[manifest.digest]

    for folder in folders:
        visit(folder)
    return Lineage(tuple(found.values()), tuple(lost))
