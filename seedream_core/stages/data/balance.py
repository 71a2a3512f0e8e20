"""Sampling weights for every sample: rare looks, rare words and small sources count more; the tail told before and after."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge

from seedream_core.data.balance import Balance as Technique
from seedream_core.errors import DataError, UserError
from seedream_core.host import Host
from seedream_core.records import Fate, Sample
from seedream_core.stage import Shards, Stage

if TYPE_CHECKING:
    import numpy as np

    from seedream_core.data.concepts import Concepts
    from seedream_core.data.shards import ShardReader

REPORT = "balance.json"


def _both() -> tuple[Technique, ...]:
    return tuple(Technique.find(name)() for name in ("dual_axis", "source"))


@dataclass(frozen=True, kw_only=True)
class Balance(Stage):
    makes: ClassVar[str] = "shards"
    data: Shards
    "what to weigh"
    by: tuple[Technique, ...] = field(default_factory=_both)
    "their weights are multiplied with each other, and with the weight that a sample has already"
    features: str | None = None
    "what curate measured of every picture (`features/NAME.npy` in its artifact), such as an embedding; none looks anew"
    repeats: Annotated[float, Ge(1)] = 10.0
    "most times that a sample comes in an epoch of as many places as there are samples"
    samples_per_shard: Annotated[int, Ge(1)] = 5000
    "samples in one tar file"

    def __post_init__(self) -> None:
        if not self.by:
            raise ValueError("by: name at least one way to weigh, such as dual_axis")

    def facts(self, inputs: Mapping[str, Any]) -> dict:
        return dict(inputs["data"])

    def run(self, out: Path, host: Host) -> dict:
        import numpy as np

        from seedream_core.artifact import digest, write_atomic
        from seedream_core.config import dump
        from seedream_core.data.journal import Journal
        from seedream_core.data.shards import ShardReader
        from seedream_core.data.weights import capped
        from seedream_core.progress import track

        reader = ShardReader(self.data)
        if reader.damage:
            raise DataError(f"{self.data}: {reader.damage[0]}", "run data/curate on it first")
        features, samples = self._look(reader, host)
        before = np.array([sample.weight for sample in samples])
        after, concepts = self._weigh(features, samples, before)
        weights = [float(f"{weight:.6g}") for weight in capped(before * after, self.repeats)]  # short in JSON
        made_from = json.dumps([digest(self.data), dump(self)])
        with Journal(out, self.samples_per_shard, made_from) as journal, track("balance", len(reader), done=journal.done) as progress:
            for row in range(journal.done, len(reader)):
                record = replace(samples[row], weight=weights[row]).to_json()
                fate = Fate(key=reader.keys[row], source=reader.shard(row), fate="kept", reason="", stage=self.path())
                journal.add(fate, reader.read(row) | {"json": record})
                progress.advance()
        report = {"samples": len(reader), "weights": _spread(np.array(weights)),
                  "concepts": {name: item.report(before, np.array(weights)) for name, item in concepts.items()}}
        write_atomic(out / REPORT, json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        _table(report["concepts"])
        return {"samples": len(reader), "weights": report["weights"],
                "effective": {name: item["effective"] for name, item in report["concepts"].items() if item["concepts"]}}

    def _look(self, reader: "ShardReader", host: Host) -> "tuple[np.ndarray, list[Sample]]":
        """What each picture looks like, in half precision, and its record."""
        import numpy as np

        from seedream_core.data.ordered import ordered, processes
        from seedream_core.progress import track

        features, samples = self._given(len(reader)), []
        rows = ordered(partial(_seen, reader, features is None), range(len(reader)), processes(host.workers))
        with track("look", len(reader)) as progress:
            for row, (looks, sample) in enumerate(rows):
                if looks is not None:
                    if not row:
                        features = np.empty((len(reader), len(looks)), np.float16)
                    features[row] = looks
                samples.append(sample)
                progress.advance()
        return features, samples

    def _given(self, count: int) -> "np.ndarray | None":
        """What curate left, one row for each sample."""
        import numpy as np

        if self.features is None:
            return None
        path = self.data / "features" / f"{self.features}.npy"
        if not path.is_file():
            has = ", ".join(sorted(file.stem for file in path.parent.glob("*.npy"))) or "none"
            raise UserError(f"features: {self.data} has no {self.features!r}; it has {has}", "name it among curate's scorers, or leave this out")
        features = np.load(path, mmap_mode="r", allow_pickle=False)
        if len(features) != count or features.dtype.kind != "f":
            raise DataError(f"{path}: {features.dtype} of {len(features)} rows for {count} samples, where one row of floats each is needed")
        return features.reshape(count, -1)

    def _weigh(self, features: "np.ndarray", samples: list[Sample], before: "np.ndarray") -> "tuple[np.ndarray, dict[str, Concepts]]":
        import numpy as np

        from seedream_core.data.balance import Crowd
        from seedream_core.data.concepts import Concepts

        crowd = Crowd(features, [sample.captions for sample in samples], [sample.source for sample in samples])
        weights, concepts = np.ones(len(samples)), {}
        for technique in self.by:
            balanced = technique(crowd)
            weights *= balanced.weights
            concepts |= balanced.concepts
        return weights, concepts | {"tags": Concepts.of(sample.tags for sample in samples)}


def _seen(reader: "ShardReader", look_at_it: bool, row: int) -> "tuple[np.ndarray | None, Sample]":
    from seedream_core.data.balance.look import look
    from seedream_core.data.view import View

    members = reader.read(row) if look_at_it else reader.read(row, "json")
    if "json" not in members:
        raise DataError(f"{reader.keys[row]}: no json beside it", "run data/curate on these shards")
    sample = Sample.from_json(members["json"])
    return look(View(sample, members).thumbnail).astype("float16") if look_at_it else None, sample


def _spread(weights: "np.ndarray") -> dict[str, float]:
    import numpy as np

    return {name: float(f"{value:.4g}") for name, value in
            zip(("least", "median", "p95", "most"), np.quantile(weights, (0, 0.5, 0.95, 1)))} | {
            "effective_samples": round(float(weights.sum() ** 2 / (weights**2).sum()), 1)}


def _table(concepts: Mapping[str, Any]) -> None:
    print(f"{'':<24}{'concepts':>10}{'effective':>11}{'after':>9}{'rarest quarter':>17}{'after':>9}", file=sys.stderr)
    for name, item in concepts.items():
        if item["concepts"]:
            effective, tail = item["effective"], item["rarest_quarter"]
            print(f"{name:<24}{item['concepts']:>10}{effective['before']:>11.1f}{effective['after']:>9.1f}"
                  f"{tail['before']:>17.2%}{tail['after']:>9.2%}", file=sys.stderr)
