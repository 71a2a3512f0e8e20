"""Calibration of a dual encoder: Platt's sigmoid (1999) turns similarities into probabilities that a caption belongs to
a picture.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seedream_core.errors import DataError

ITERATIONS = 50
PRIOR = 1e-3  # on the weights, so that they stay finite where the two sets do not overlap


@dataclass(frozen=True)
class Calibration:
    """sigmoid(own · the logit of a picture's captions + common · that of the reference captions + shift).

    `references` are captions about many subjects. By default the difference of the two logits counts, which is the log
    odds of a well-trained contrastive model. On our encoders the fitted weight of the common part is small, and single
    wrong attributes are found better with it.
    """

    references: tuple[str, ...]
    own: float = 1.0
    common: float = -1.0
    shift: float = 0.0

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """N×2, own and common -> N probabilities."""
        return 1 / (1 + np.exp(-np.clip(logits @ [self.own, self.common] + self.shift, -50, 50)))


def fitted(references: tuple[str, ...], own: np.ndarray, others: np.ndarray) -> Calibration:
    """The maximum-likelihood calibration (Newton), from N×2 logits of pictures with their captions and M×2 with
    captions of other pictures. Both sets have equal weight, whatever their sizes.
    """
    logits = np.concatenate([own, others]).astype(np.float64)
    label = np.repeat([1.0, 0.0], [len(own), len(others)])
    weight = np.repeat([0.5 / len(own), 0.5 / len(others)], [len(own), len(others)])
    mean, spread = logits.mean(0), np.maximum(logits.std(0), 1e-6)
    features = np.column_stack([(logits - mean) / spread, np.ones(len(logits))])
    found, penalty = np.zeros(3), PRIOR * np.array([1.0, 1.0, 0.0])
    for _ in range(ITERATIONS):
        p = 1 / (1 + np.exp(-np.clip(features @ found, -50, 50)))
        gradient = features.T @ (weight * (p - label)) + penalty * found
        curvature = features.T @ (features * (weight * p * (1 - p))[:, None]) + np.diag(penalty + 1e-9)
        step = np.linalg.solve(curvature, gradient)
        found -= step * min(1.0, 2 / np.abs(step).max())
    first, second = (found[:2] / spread).tolist()
    if first <= 0:
        raise DataError(
            "captions fit their pictures no better than other pictures: the dual encoder has learned nothing",
            "train longer or on more samples, or check that captions belong to their pictures",
        )
    return Calibration(references, first, second, float(found[2] - found[:2] @ (mean / spread)))


def read_calibration(path: Path) -> Calibration:
    try:
        page = json.loads(path.read_bytes())
        found = Calibration(tuple(page["references"]), float(page["own"]), float(page["common"]), float(page["shift"]))
        if not found.references or not all(isinstance(text, str) for text in found.references):
            raise ValueError("references must be texts")
        if not np.isfinite([found.own, found.common, found.shift]).all():
            raise ValueError("own, common and shift must be finite")
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not readable ({error})", "make the dual encoder again") from None
    return found
