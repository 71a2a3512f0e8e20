"""Gives every sample a sampling weight, so that rare images, rare words and small sources are drawn more often; reports
the long tail before and after.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge

from seedream_core.data.balancing import Balance
from seedream_core.data.storage.engines import Spread
from seedream_core.errors import DataError
from seedream_core.workflow.host import Host
from seedream_core.workflow.stage import Shards, Stage

if TYPE_CHECKING:
    import numpy as np

    from seedream_core.data.balancing import Crowd
    from seedream_core.data.balancing.concepts import Concepts
    from seedream_core.data.storage.shards import ShardReader

REPORT = "balance.json"


def _both() -> tuple[Balance, ...]:
    return tuple(Balance.find(name)() for name in ("dual_axis", "source"))


@dataclass(frozen=True, kw_only=True)
class BalanceStage(Spread, Stage):
    makes: ClassVar[str] = "shards"
    renamed: ClassVar[Mapping[str, str]] = {"by": "balances", "repeats": "max_repeats"}
    data: Shards
    "samples to weight"
    balances: tuple[Balance, ...] = field(default_factory=_both)
    """ways to weight samples; their weights are multiplied with each other, and with the weight that a sample already
    has"""
    features: str | None = None
    """name of a feature that curate measured for every picture (`features/NAME.npy` in its artifact), such as an
    embedding; if not set, the stage computes simple image features itself"""
    max_repeats: Annotated[float, Ge(1)] = 10.0
    """upper limit for how often one sample appears in an epoch (an epoch has as many places as there are samples);
    exceeded only if too few samples have a weight to fill the epoch"""
    samples_per_shard: Annotated[int, Ge(1)] = 5000
    "samples in one tar file"

    def __post_init__(self) -> None:
        if not self.balances:
            raise ValueError("balances: name at least one technique, such as dual_axis")

    def facts(self, inputs: Mapping[str, Any]) -> dict:
        return dict(inputs["data"])

    def run(self, out: Path, host: Host) -> dict:
        import numpy as np

        from seedream_core.data.loading.weights import above, capped
        from seedream_core.data.storage import rewrite
        from seedream_core.workflow.artifact import write_atomic
        from seedream_core.workflow.config import dump

        reader = rewrite.whole(self.data)
        crowd, before, tags = self._crowd(reader, host)
        after, concepts = self._weigh(crowd)
        shares = capped(before * after, self.max_repeats)
        weights = [float(f"{weight:.6g}") for weight in shares]  # short in JSON
        rewrite.rewrite(
            reader,
            lambda row, sample: replace(sample, weight=weights[row]),
            out,
            stage=self.path(),
            made_from=dump(self, free=False),
            samples_per_shard=self.samples_per_shard,
        )
        concepts["tags"] = tags
        report = {
            "samples": len(reader),
            "weights": _spread(np.array(weights)),
            "concepts": {name: item.report(before, np.array(weights)) for name, item in concepts.items()},
        }
        write_atomic(out / REPORT, json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        _table(report["concepts"])
        if warning := above(shares, self.max_repeats):
            print(warning, file=sys.stderr)
        return {
            "samples": len(reader),
            "weights": report["weights"],
            "effective": {name: item["effective"] for name, item in report["concepts"].items() if item["concepts"]},
        }

    def _crowd(self, reader: "ShardReader", host: Host) -> "tuple[Crowd, np.ndarray, Concepts]":
        """Inputs of the balancing techniques, the weights so far, and the tags, which are used only in the report."""
        import numpy as np

        from seedream_core.data.balancing import Crowd
        from seedream_core.data.balancing.concepts import Concepts
        from seedream_core.data.storage import rewrite, stored_records
        from seedream_core.progress import track
        from seedream_core.workflow.artifact import digest

        features = rewrite.features(self.data, self.features, len(reader)) if self.features else None
        sources, weights = [], np.empty(len(reader))
        rows = self.engine(
            partial(_seen, self.data, digest(self.data), features is None), range(len(reader)), host.workers
        )
        with track("look", len(reader)) as progress:
            for row, (vector, source, weights[row]) in enumerate(rows):
                if vector is not None:
                    if not row:
                        features = np.empty((len(reader), len(vector)), np.float16)
                    features[row] = vector
                sources.append(sys.intern(source))
                progress.advance()
        tags = Concepts.of(sample.tags for sample in stored_records.StoredRecords(reader))
        return Crowd(features, stored_records.StoredCaptions(reader), sources), weights, tags

    def _weigh(self, crowd: "Crowd") -> "tuple[np.ndarray, dict[str, Concepts]]":
        import numpy as np

        weights, concepts = np.ones(len(crowd)), {}
        for technique in self.balances:
            balanced = technique(crowd)
            weights *= balanced.weights
            concepts |= balanced.concepts
        return weights, concepts


def _seen(data: Path, digest: str, look_at_it: bool, row: int) -> "tuple[np.ndarray | None, str, float]":
    """Image features of one picture in half precision, its source, and its weight so far."""
    from seedream_core.data.balancing.look import look
    from seedream_core.data.curation.lazy_sample import LazySample
    from seedream_core.data.storage.rewrite import opened
    from seedream_core.data.storage.stored_records import StoredRecords

    reader = opened(data, digest)
    sample = StoredRecords(reader)[row]
    try:
        vector = look(LazySample(sample, reader.read(row)).thumbnail).astype("float16") if look_at_it else None
    except DataError as error:
        raise DataError(f"{data}: {sample.key}: {error.message}", "run data/curate on it first") from None
    return vector, sample.source, sample.weight


def _spread(weights: "np.ndarray") -> dict[str, float]:
    import numpy as np

    return {
        name: float(f"{value:.4g}")
        for name, value in zip(("least", "median", "p95", "most"), np.quantile(weights, (0, 0.5, 0.95, 1)))
    } | {"effective_samples": round(float(weights.sum() ** 2 / (weights**2).sum()), 1)}


def _table(concepts: Mapping[str, Any]) -> None:
    print(f"{'':<24}{'concepts':>10}{'effective':>11}{'after':>9}{'rarest quarter':>17}{'after':>9}", file=sys.stderr)
    for name, item in concepts.items():
        if item["concepts"]:
            effective, tail = item["effective"], item["rarest_quarter"]
            print(
                f"{name:<24}{item['concepts']:>10}{effective['before']:>11.1f}{effective['after']:>9.1f}"
                f"{tail['before']:>17.2%}{tail['after']:>9.2%}",
                file=sys.stderr,
            )
