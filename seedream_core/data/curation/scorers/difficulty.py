"""Scorer of the difficulty of a knowledge picture (formulas, charts, diagrams, wireframes, tables) from its pixels
(Seedream 4.0).

Medium begins at 0.27, hard at 0.5, extremely hard at 0.67 (`synthetic/documents/rating`). The score is meaningless for
photographs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from seedream_core.data.curation import difficulty
from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers import Score, Scorer
from seedream_core.synthetic.documents import rating
from seedream_core.workflow.config import OUTSIDE


@dataclass(frozen=True, kw_only=True)
class DifficultyScorer(Scorer):
    gives: ClassVar[tuple[str, ...]] = ("difficulty",)
    path: str = field(default="", metadata=OUTSIDE)
    """An artifact of pretrain/difficulty; if not set, the packaged one."""

    def start(self, models: Mapping[str, Path]) -> Score:
        rater = difficulty.rater(Path(self.path) if self.path else difficulty.PACKAGED)

        def score(views: Sequence[LazySample]) -> None:
            for view in views:
                view.scores["difficulty"] = round(rating.score(rater.load(view.pixels)), 4)

        return score
