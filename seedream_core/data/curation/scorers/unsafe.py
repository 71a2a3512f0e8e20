"""Scorer of unsafe content: probability from an image classifier in a folder (transformers); runs only if it is listed,
with its path.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Ge

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers import Score, Scorer
from seedream_core.errors import UserError
from seedream_core.workflow.config import OUTSIDE


@dataclass(frozen=True, kw_only=True)
class UnsafeScorer(Scorer):
    gives: ClassVar[tuple[str, ...]] = ("unsafe",)
    path: str | None = field(default=None, metadata=OUTSIDE)
    """Folder of an image classifier; code in the folder is never run."""
    labels: tuple[str, ...] = ("nsfw", "porn", "hentai", "sexy", "unsafe", "violence", "gore")
    """Its classes that count as unsafe (case is ignored); their probabilities are added."""
    batch: Annotated[int, Ge(1)] = 32
    """Pictures in one batch."""

    def start(self, models: Mapping[str, Path]) -> Score:
        from seedream_core.models.hf_models import load

        outside = load(self.path, "ImageClassification", "scorer unsafe")
        asked = {label.lower() for label in self.labels}
        places = [place for place, label in outside.model.config.id2label.items() if label.lower() in asked]
        if not places:
            raise UserError(
                f"scorer unsafe: none of {', '.join(self.labels)} is a class of {self.path}",
                f"name some of its own under labels: {', '.join(outside.model.config.id2label.values())[:200]}",
            )

        def score(views: Sequence[LazySample]) -> None:
            for start in range(0, len(views), self.batch):
                part = views[start : start + self.batch]
                shares = outside([view.pixels for view in part]).logits.float().softmax(-1)[:, places].sum(-1)
                for view, share in zip(part, shares.tolist(), strict=True):
                    view.scores["unsafe"] = round(min(1.0, share), 4)

        return score
