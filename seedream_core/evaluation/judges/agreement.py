"""Judge of image-text agreement by a dual encoder: one of this project, or a CLIP or SigLIP folder.

The score is the calibrated probability that the prompt was written for this picture rather than for another one
(models/dual_encoder/calibration.py). An encoder without a calibration file orders pictures, but its scores are not
probabilities.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from seedream_core.errors import UserError
from seedream_core.evaluation.judges import Atom, Judge, Judgement
from seedream_core.evaluation.suites import SuiteItem
from seedream_core.workflow.config import OUTSIDE
from seedream_core.workflow.host import Host

if TYPE_CHECKING:
    import numpy as np

    from seedream_core.evaluation.judges import Look


@dataclass(frozen=True, kw_only=True)
class AgreementJudge(Judge):
    path: str = field(metadata=OUTSIDE)
    "folder of a dual encoder made by pretrain/dual_encoder, or of a CLIP or SigLIP in transformers' format"

    def applies(self, item: SuiteItem) -> bool:
        return True

    def start(self, host: Host) -> "Look":
        from seedream_core.models.dual_encoder.artifact import load

        if not Path(self.path).is_dir():
            raise UserError(
                f"judge agreement: {self.path} is not a folder",
                "name the folder of a CLIP or SigLIP, or of a dual encoder made by pretrain/dual_encoder",
            )
        encoder = load(Path(self.path))

        def look(item: SuiteItem, picture: "np.ndarray") -> Judgement:
            score = float(encoder.agreement(encoder.images([picture]), [[item.prompt]])[0])
            return Judgement((Atom("agreement", "agreement", item.prompt, score),), score)

        return look
