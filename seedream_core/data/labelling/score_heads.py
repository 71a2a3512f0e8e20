"""Score heads on picture features: predict defect, difficulty or aesthetics, with an uncertainty (named by Seedream 2.0
and 4.0; the form is ours).

A head is a committee of members of one shape: their mean is the prediction, and their uncertainty decides which labels
are requested.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from seedream_core.errors import DataError
from seedream_core.workflow import artifact

FORMAT = 1
CLASSES: dict[str, tuple[str, ...]] = {
    "defect": ("clean", "defect"),
    "difficulty": ("easy", "medium", "hard"),
    "aesthetic": (),
}
"""Tasks and the classes of their labels, in order; no classes if the label is a number."""
LIMIT = 6.0
"""Number of standard deviations from the mean at which a feature is clipped."""
LEAST_SPREAD = 0.01
Doubt = Literal["entropy", "margin"]


@dataclass(frozen=True, eq=False)
class Head:
    """A trained committee; prediction needs only numpy."""

    classes: tuple[str, ...]
    mean: np.ndarray
    spread: np.ndarray
    layers: tuple[tuple[np.ndarray, np.ndarray], ...]
    """For each layer the weight, members×inputs×outputs, and the bias, members×1×outputs."""
    origin: Mapping[str, Any] = field(default_factory=dict)
    """`scorer`: the scorer that computes the features; and the cost of training."""

    def members(self, features: np.ndarray) -> np.ndarray:
        """Members×N×classes probabilities, or members×N×1 numbers."""
        values = standard(features, self.mean, self.spread)
        for number, (weight, bias) in enumerate(self.layers):
            values = (np.maximum(values, 0) if number else values) @ weight + bias
        return _softmax(values) if self.classes else values

    def score(self, features: np.ndarray) -> np.ndarray:
        """One score per row: for classes the expected index from the first (0) to the last (1), so the probability of a
        defect.
        """
        mean = self.members(features).mean(0)
        return mean @ np.linspace(0, 1, len(self.classes)) if self.classes else mean[:, 0]

    def doubt(self, features: np.ndarray, kind: Doubt = "entropy") -> np.ndarray:
        """Uncertainty of each row: entropy or narrow margin of the mean; for numbers the spread of the members."""
        answers = self.members(features)
        if not self.classes:
            return answers[..., 0].std(0)
        mean = answers.mean(0)
        if kind == "margin":
            ranked = np.sort(mean, axis=1)
            return 1 - (ranked[:, -1] - ranked[:, -2])
        return -(mean * np.log(mean + 1e-12)).sum(1)


def measure(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each feature over a pool."""
    return features.mean(0, dtype=np.float64).astype(np.float32), (
        features.std(0, dtype=np.float64) + LEAST_SPREAD
    ).astype(np.float32)


def standard(features: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Features on one scale."""
    return np.clip((features - mean) / spread, -LIMIT, LIMIT).astype(np.float32)


def quality(head: Head, features: np.ndarray, labels: np.ndarray) -> float:
    """Quality of a head: average precision of the defect class, or the mean over all classes, each against the others;
    rank correlation for numbers.
    """
    if not head.classes:
        return rank_correlation(head.score(features), np.asarray(labels, np.float64))
    answers = head.members(features).mean(0)
    places = range(1 if len(head.classes) == 2 else 0, len(head.classes))
    found = [average_precision(answers[:, place], labels == place) for place in places if (labels == place).any()]
    return float(np.mean(found)) if found else 0.0


def average_precision(scores: np.ndarray, positive: np.ndarray) -> float:
    """Average precision: mean of the precision at each positive; rows with equal scores count as one step."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)
    hits, places = np.cumsum(positive[order])[last], np.flatnonzero(last) + 1
    return float((np.diff(hits, prepend=0) * hits / places).sum() / max(1, hits[-1]))


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation; 0 if one of them is constant."""
    first, second = _ranks(one), _ranks(other)
    return float(np.corrcoef(first, second)[0, 1]) if first.std() and second.std() else 0.0


def save(folder: Path, heads: Mapping[str, Head]) -> None:
    """Writes heads by task: arrays to `heads.safetensors`, the rest to `heads.json`."""
    import torch

    arrays = {}
    for task, head in heads.items():
        arrays |= {f"{task}.mean": head.mean, f"{task}.spread": head.spread}
        for number, (weight, bias) in enumerate(head.layers):
            arrays |= {f"{task}.{number}.weight": weight, f"{task}.{number}.bias": bias}
    artifact.save_tensors(
        folder / "heads.safetensors", {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    )
    entries = {
        task: {"classes": head.classes, "layers": len(head.layers), **head.origin} for task, head in heads.items()
    }
    artifact.write_atomic(
        folder / "heads.json", json.dumps({"format": FORMAT, "heads": entries}, indent=1, ensure_ascii=False) + "\n"
    )


def load(folder: Path) -> dict[str, Head]:
    """Reads the heads of an artifact by task; DataError says what is wrong."""
    path = folder / "heads.json"
    arrays = {name: tensor.numpy() for name, tensor in artifact.load_tensors(folder / "heads.safetensors").items()}
    try:
        page = json.loads(path.read_bytes())
        if page["format"] != FORMAT:
            raise ValueError(f"format {page['format']}, not {FORMAT}")
        return {task: _head(task, dict(entry), arrays) for task, entry in page["heads"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not heads made by data/label ({error})", "make them again with data/label") from None


def _head(task: str, entry: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Head:
    classes, count = tuple(entry.pop("classes")), entry.pop("layers")
    if classes != CLASSES[task]:
        raise ValueError(f"classes {', '.join(classes)} of {task}")
    mean, spread = arrays[f"{task}.mean"], arrays[f"{task}.spread"]
    layers = tuple((arrays[f"{task}.{number}.weight"], arrays[f"{task}.{number}.bias"]) for number in range(count))
    width, members = len(mean), len(layers[0][0])
    for weight, bias in layers:
        if weight.shape != (members, width, weight.shape[-1]) or bias.shape != (members, 1, weight.shape[-1]):
            raise ValueError(f"the layers of {task} do not fit each other")
        width = weight.shape[-1]
    if spread.shape != mean.shape or mean.ndim != 1 or width != (len(classes) or 1):
        raise ValueError(f"the sizes of {task} do not fit")
    return Head(classes, mean, spread, layers, entry)


def _ranks(values: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def _softmax(values: np.ndarray) -> np.ndarray:
    values = np.exp(values - values.max(-1, keepdims=True))
    return values / values.sum(-1, keepdims=True)
