"""Scorer of defects: a detector finds boxes of watermarks, logos, subtitles, stickers and mosaics; the score is the
share of the picture that they cover.

Follows the structure filter of Seedream 2.0 and the defect detector of Seedream 3.0; ours is small, trained on planted
defects, and ships with the package.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import ClassVar

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers import Score, Scorer
from seedream_core.data.images.masks import union
from seedream_core.errors import UserError
from seedream_core.workflow.config import OUTSIDE


@dataclass(frozen=True, kw_only=True)
class StructureScorer(Scorer):
    gives: ClassVar[tuple[str, ...]] = ("boxes", "defect_area")
    path: str | None = field(default=None, metadata=OUTSIDE)
    """Folder of a detector made by pretrain/detector; if not set, the packaged one."""

    def start(self, models: Mapping[str, Path]) -> Score:
        from seedream_core.data.curation.judging import find
        from seedream_core.models import detector

        folder = Path(self.path) if self.path else packaged()
        if not (folder / "network" / "config.yaml").is_file():
            raise UserError(
                f"structure.path: {folder} has no detector",
                "name a folder made by pretrain/detector, or leave it out",
            )
        network = detector.load(folder)

        def score(views: Sequence[LazySample]) -> None:
            # One at a time: in a batch the last bits of a sum, and with them a box at its threshold, depend on the
            # company.
            for view in views:
                found = find(network, view.pixels)
                view.boxes.extend(found)
                view.scores["defect_area"] = round(union([box["box"] for box in found]), 5)

        return score


def packaged() -> Path:
    return Path(str(resources.files("seedream_core") / "pretrained" / "defects"))
