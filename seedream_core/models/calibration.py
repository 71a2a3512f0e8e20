"""From likenesses to probabilities: Platt's sigmoid (1999) over how far a picture's captions stand out among others."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seedream_core.errors import DataError

ITERATIONS = 50
PRIOR = 1e-3  # of the slope, so that classes without overlap end at a finite one


@dataclass(frozen=True)
class Calibration:
    """sigmoid(slope · evidence + shift); references are captions of all sorts, among which a picture's own must stand out.

    The default takes the evidence itself for log odds: what a contrastive model learns, if it learns it well.
    """

    references: tuple[str, ...]
    slope: float = 1.0
    shift: float = 0.0

    def __call__(self, evidence: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-np.clip(self.slope * evidence + self.shift, -50, 50)))


def fitted(references: tuple[str, ...], own: np.ndarray, others: np.ndarray) -> Calibration:
    """The most likely slope and shift, where pictures with their own captions and with others' count alike (Newton)."""
    x = np.concatenate([own, others]).astype(np.float64)
    label = np.repeat([1.0, 0.0], [len(own), len(others)])
    weight = np.repeat([0.5 / len(own), 0.5 / len(others)], [len(own), len(others)])
    mean, spread = x.mean(), x.std() or 1.0
    features = np.stack([(x - mean) / spread, np.ones_like(x)])
    found = np.zeros(2)
    penalty = PRIOR * np.array([1.0, 0.0])
    for _ in range(ITERATIONS):
        p = 1 / (1 + np.exp(-np.clip(found @ features, -50, 50)))
        gradient = features @ (weight * (p - label)) + penalty * found
        curvature = (features * (weight * p * (1 - p))) @ features.T + np.diag(penalty + 1e-9)
        step = np.linalg.solve(curvature, gradient)
        found -= step * min(1.0, 2 / np.abs(step).max())
    slope = float(found[0] / spread)
    if slope <= 0:
        raise DataError("captions stand out no more in their own pictures than in others: the dual encoder has learned nothing",
                        "train longer, on more samples, or look whether captions and pictures belong together")
    return Calibration(references, slope, float(found[1] - slope * mean))


def read_calibration(path: Path) -> Calibration:
    try:
        page = json.loads(path.read_bytes())
        found = Calibration(tuple(page["references"]), float(page["slope"]), float(page["shift"]))
        if not found.references or not all(isinstance(text, str) for text in found.references):
            raise ValueError("references must be texts")
        if not np.isfinite([found.slope, found.shift]).all():
            raise ValueError("slope and shift must be finite")
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not readable ({error})", "make the dual encoder again") from None
    return found
