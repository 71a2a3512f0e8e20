"""Rates the difficulty of a knowledge picture from pixels alone (Seedream 4.0's classifier of easy, medium and hard).

A small network estimates the load (see `rating`) from the features of `components`; the class follows from the load by
the same bounds. `pretrain/difficulty` makes the packaged weights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from seedream_core.data.curation.components import features
from seedream_core.errors import DataError
from seedream_core.synthetic.documents import rating

PACKAGED = Path(__file__).parents[2] / "pretrained" / "difficulty"
WEIGHTS = "weights.safetensors"
BYTES = 200_000
NAMES = ("mean", "deviation", "weight0", "bias0", "weight1", "bias1", "weight2", "bias2")
LOADS = (1e-3, 50.0)


@dataclass(frozen=True)
class Rater:
    """Two hidden layers over standardised features; predicts the logarithm of the load."""

    weights: Mapping[str, np.ndarray]

    def load(self, pixels: np.ndarray) -> float:
        return float(self.loads(features(pixels)[None])[0])

    def loads(self, found: np.ndarray) -> np.ndarray:
        """Predictions from features, one row per picture."""
        part = self.weights
        values = (found - part["mean"]) / part["deviation"]
        for layer in "01":
            values = values @ part[f"weight{layer}"].T + part[f"bias{layer}"]
            values = values / (1 + np.exp(-np.clip(values, -60, 60)))
        return np.exp(np.clip(values @ part["weight2"].T + part["bias2"], *np.log(LOADS)))[:, 0]


@lru_cache(maxsize=4)
def rater(folder: Path = PACKAGED) -> Rater:
    """Loads the rater of a folder; DataError if there is none."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = folder / WEIGHTS
    try:
        if path.stat().st_size > BYTES:
            raise DataError(f"{path}: {path.stat().st_size} bytes are over {BYTES}")
        weights = load(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}", "make it with pretrain/difficulty") from None
    except SafetensorError as error:
        raise DataError(f"{path} is no safetensors file: {error}") from None
    count = len(weights.get("mean", ()))
    if (
        set(weights) != set(NAMES)
        or weights["weight0"].shape[1:] != (count,)
        or count != len(features(np.zeros((8, 8, 3), np.uint8)))
    ):
        raise DataError(f"{path} has no difficulty rater of this version", "make it with pretrain/difficulty")
    return Rater(weights)


def train(found: np.ndarray, loads: np.ndarray, *, width: int, steps: int, lr: float, decay: float, seed: int) -> Rater:
    """Minimises the squared error of the logarithm of the load, in batches of 256, by AdamW with a cosine schedule."""
    import torch
    from torch import nn

    mean, deviation = found.mean(0), found.std(0) + 1e-3
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Linear(found.shape[1], width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1)
        )
        order = torch.Generator().manual_seed(seed)
        inputs, target = torch.from_numpy((found - mean) / deviation).float(), torch.from_numpy(np.log(loads)).float()
        nn.init.constant_(network[-1].bias, float(target.mean()))
        optimizer = torch.optim.AdamW(network.parameters(), lr, weight_decay=decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(steps):
            rows = torch.randint(len(inputs), (256,), generator=order)
            loss = nn.functional.smooth_l1_loss(network(inputs[rows])[:, 0], target[rows], beta=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    layers = {
        f"{name}{number}": getattr(network[2 * number], name).detach().numpy()
        for number in range(3)
        for name in ("weight", "bias")
    }
    return Rater({"mean": mean.astype(np.float32), "deviation": deviation.astype(np.float32), **layers})


def accuracy(found: Sequence[float], true: Sequence[float]) -> float:
    """Share of pictures assigned to their true class."""
    return float(np.mean([rating.level(one) == rating.level(other) for one, other in zip(found, true, strict=True)]))
