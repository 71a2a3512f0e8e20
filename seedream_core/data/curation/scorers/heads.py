"""Scorer that applies the heads of data/label: defect and difficulty from 0 to 1, aesthetics on the scale of its
labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers import Score, Scorer
from seedream_core.data.labelling.score_heads import Head, load
from seedream_core.errors import DataError, UserError
from seedream_core.workflow.config import parse


@dataclass(frozen=True, kw_only=True)
class HeadsScorer(Scorer):
    gives: ClassVar[tuple[str, ...]] = ("aesthetic", "defect", "difficulty")

    def start(self, models: Mapping[str, Path]) -> Score:
        if "heads" not in models:
            raise UserError(
                "the scorer heads needs trained heads", "make them with data/label, and name them as `heads`"
            )
        heads = load(models["heads"])
        sources = {task: source(head, models) for task, head in heads.items()}

        def score(views: Sequence[LazySample]) -> None:
            for task, head in heads.items():
                name, note = sources[task]
                missing = [view for view in views if name not in view.features]
                note(missing)
                for view in views:
                    # Row by row: the rounding of a matrix product may depend on the number of rows.
                    view.scores[task] = round(float(head.score(view.features[name][None])[0]), 4)
                for view in missing:  # not requested: otherwise they would be stored for every sample
                    del view.features[name]

        return score


def source(head: Head, models: Mapping[str, Path]) -> tuple[str, Score]:
    """The name of the features that a head uses, and the scorer that computes them."""
    options = dict(head.origin["scorer"])
    scorer = parse(Scorer.find(options.pop("name")), options)
    if head.origin["features"] not in scorer.gives:
        raise DataError(
            f"{models['heads']}: {scorer.name()} does not give {head.origin['features']}",
            "make the heads again with data/label",
        )
    return head.origin["features"], scorer.start(models)
