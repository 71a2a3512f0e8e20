"""Trains the difficulty rater: it learns the difficulty of knowledge pictures from pixels only (Seedream 4.0).

The packaged rater is made from data/knowledge with defaults: all five kinds, `extreme: 0.5`, 2,500 samples of seed 101
and 750 held-out ones of seed 102, on which its options were chosen too. tests/acceptance measures it on another seed.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Gt

from seedream_core.errors import DataError
from seedream_core.workflow.host import Host
from seedream_core.workflow.stage import Shards, Stage

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class DifficultyStage(Stage):
    makes: ClassVar[str] = "difficulty"
    data: Shards
    "knowledge pictures with their truth, made by data/knowledge"
    held_out: Shards
    "knowledge pictures of another seed, on which the accuracy is measured"
    width: Annotated[int, Ge(1)] = 64
    "features of the two hidden layers"
    steps: Annotated[int, Ge(1)] = 2000
    "optimiser steps"
    lr: Annotated[float, Gt(0)] = 3e-3
    "highest learning rate"
    decay: Annotated[float, Ge(0)] = 0.3
    "decoupled weight decay"
    seed: Annotated[int, Ge(0)] = 0
    "seed of weights and sample order"

    def run(self, out: Path, host: Host) -> dict:
        import numpy as np
        from safetensors.numpy import save

        from seedream_core.data.curation import difficulty
        from seedream_core.synthetic.documents import rating
        from seedream_core.workflow.artifact import write_atomic

        host.limit_threads()
        keys, found, loads, _ = self._measured(self.data, host)
        tested, unseen, true, kinds = self._measured(self.held_out, host)
        if twice := sorted(set(keys) & set(tested)):
            raise DataError(
                f"held_out: {len(twice)} of its samples are in data too, {twice[0]} first", "make it with another seed"
            )
        rater = difficulty.train(
            found, loads, width=self.width, steps=self.steps, lr=self.lr, decay=self.decay, seed=self.seed
        )
        write_atomic(
            out / difficulty.WEIGHTS, save({name: np.ascontiguousarray(value) for name, value in rater.weights.items()})
        )
        guessed = rater.loads(unseen)
        by_kind = {
            kind: round(difficulty.accuracy(guessed[kinds == kind], true[kinds == kind]), 4)
            for kind in sorted(set(kinds))
        }
        return {
            "samples": len(found),
            "held_out_samples": len(unseen),
            "accuracy": round(difficulty.accuracy(guessed, true), 4),
            "accuracy_by_kind": by_kind,
            "accuracy_on_data": round(difficulty.accuracy(rater.loads(found), loads), 4),
            "error_of_load": round(float(np.exp(np.median(np.abs(np.log(guessed / true))))) - 1, 4),
            "extremely_hard": int((true >= rating.EXTREME).sum()),
            "extremely_hard_found": int(((guessed >= rating.EXTREME) & (true >= rating.EXTREME)).sum()),
        }

    def _measured(self, data: Path, host: Host) -> tuple[list[str], "np.ndarray", "np.ndarray", "np.ndarray"]:
        """Keys, features, loads and kinds of all samples."""
        from functools import partial

        import numpy as np

        from seedream_core.data.storage.ordered import ordered, processes
        from seedream_core.data.storage.shards import ShardReader
        from seedream_core.progress import track

        reader, rows = ShardReader(data), []
        with track("difficulty", len(reader)) as progress:
            for row in ordered(partial(measured, reader), range(len(reader)), processes(host.workers)):
                rows.append(row)
                progress.advance()
        features, loads, kinds = zip(*rows)
        return reader.keys, np.stack(features), np.array(loads), np.array(kinds)


def measured(reader, index: int) -> tuple["np.ndarray", float, str]:
    """Features from pixels; load and kind from the sample's truth."""
    from seedream_core.data.curation.components import features
    from seedream_core.data.images.pictures import decode
    from seedream_core.data.storage.stored_records import record_of

    members = reader.read(index)
    truth = record_of(reader.keys[index], members).truth
    if not isinstance(truth, dict) or not {"load", "kind"} <= truth.keys():
        raise DataError(
            f"sample {reader.keys[index]} does not say how hard it is", "use shards that data/knowledge made"
        )
    return features(decode(members)), truth["load"], truth["kind"]
