"""Makes training examples (tuples) for editing, control and composition: references, targets, instruction, mask
(SeedEdit, Seedream 4.0).
"""

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Le, Len

from seedream_core.data.pairs import Pair, Pairs
from seedream_core.data.sources.raw_captions import BEFORE, INSTRUCTION
from seedream_core.data.storage.engines import Spread
from seedream_core.errors import DataError, NothingMade
from seedream_core.records import Fate, Sample, safe_key
from seedream_core.workflow.config import dump
from seedream_core.workflow.host import FREE, Host
from seedream_core.workflow.stage import Shards, Stage

if TYPE_CHECKING:
    import numpy as np

    from seedream_core.data.curation.lazy_sample import LazySample


@dataclass(frozen=True, kw_only=True)
class PairsStage(Spread, Stage):
    makes: ClassVar[str] = "shards"
    version: ClassVar[int] = 2
    data: Shards
    "pictures to make tuples from; edits and compositions need synthetic scenes with their truth"
    pairs: Annotated[tuple[Pairs, ...], Len(1)]
    "kinds of tuple; each is tried on every sample"
    seed: Annotated[int, Ge(0)] = 0
    "random seed; it decides what is edited, and how"
    bad_budget: Annotated[float, Ge(0), Le(1)] = field(default=0.001, metadata=FREE)
    "largest share of unreadable samples that is quarantined without a stop"
    samples_per_shard: Annotated[int, Ge(1)] = 2000
    "tuples in one tar file"

    def facts(self, inputs: Mapping[str, Any]) -> dict:
        size = {side: inputs["data"].get(side) for side in ("width", "height")}
        # edits are drawn at multiples of 16
        return size if all(side and side % 16 == 0 for side in size.values()) else {}

    def run(self, out: Path, host: Host) -> dict:
        from seedream_core.data.storage import budget, rewrite
        from seedream_core.data.storage.resumable_writer import ResumableWriter
        from seedream_core.progress import track
        from seedream_core.workflow.artifact import digest

        started = time.monotonic()
        reader = rewrite.whole(self.data)
        made_from = json.dumps([digest(self.data), dump(self.pairs), self.seed, self.samples_per_shard])
        with (
            ResumableWriter(out, self.samples_per_shard, made_from) as journal,
            track("pairs", len(reader), done=journal.done) as progress,
        ):
            before = journal.changes.total()
            for fate, tuples in self.engine(
                _Maker(self, made_from), range(journal.done, len(reader)), host.workers, at_once=1
            ):
                journal.add_all(fate, [(key, members) for _, key, members in tuples], [task for task, *_ in tuples])
                budget.check(journal.fates, len(reader), self.bad_budget, self.data, out)
                progress.advance(tuples=journal.changes.total())
            if not journal.changes:
                raise NothingMade(
                    f"{self.data}: no tuple could be made from {len(reader)} samples; see {out / 'fates.jsonl'}"
                )
        for task, made in journal.changes.most_common():
            print(f"{task:<24}{made:>10}", file=sys.stderr)
        count = journal.changes.total()
        return {
            "samples": len(reader),
            **journal.counts(),
            "tasks": dict(journal.changes.most_common()),
            "tuples_per_second": round((count - before) / (time.monotonic() - started), 1),
            "facts": {"samples": count},
        }


@dataclass(frozen=True)
class _Maker:
    """The stage's work in a worker process; `made_from` changes when the input's contents change."""

    stage: PairsStage
    made_from: str

    def __call__(self, position: int) -> tuple[Fate, list[tuple[str, str, dict[str, bytes]]]]:
        """Fate of the sample, and its tuples: task, key and members of each."""
        from seedream_core.data.curation.lazy_sample import LazySample
        from seedream_core.randomness import Rng

        reader, makers = _opened(self)
        key, name, tuples, why, fate = reader.keys[position], "", [], "", "kept"
        try:
            view = LazySample.read(reader, position)
            name = view.sample.name
            view.pixels
            for number, (_, make) in enumerate(makers):
                for pair in make(view, Rng("pairs", self.stage.seed, key, number)):
                    own = safe_key(f"{key}-{number}-{len(tuples)}-{pair.task}")
                    tuples.append((pair.task, own, members_of(own, pair, view)))
            if not tuples:
                fate, why = "dropped", "no tuple can be made of it: " + ", ".join(maker for maker, _ in makers)
        except DataError as error:
            tuples, fate, why = [], "quarantined", error.message
        return Fate(
            key=key, name=name, source=reader.shard(position), fate=fate, reason=why, stage=self.stage.path()
        ), tuples


@lru_cache(maxsize=1)
def _opened(maker: _Maker) -> tuple:
    from seedream_core.data.storage.shards import ShardReader

    return ShardReader(maker.stage.data), [(one.name(), one.start()) for one in maker.stage.pairs]


def members_of(key: str, pair: Pair, view: "LazySample") -> dict[str, bytes]:
    """Members of a tuple: the first target is the picture, other targets are `target1.png` …, references `ref0.png` …,
    the mask `editmask.png`.
    """
    from seedream_core.data.images.pictures import packed

    source = view.sample
    captions = {
        language: {**texts, INSTRUCTION: pair.instruction[language]}
        for language, texts in _both(pair.captions, pair.instruction).items()
    }
    for language, texts in pair.before.items():
        if "short" in texts:
            captions.setdefault(language, {})[BEFORE] = texts["short"]
    height, width, _ = pair.targets[0].shape
    record = Sample(
        key=key,
        name=source.key,
        width=width,
        height=height,
        captions=captions,
        task=pair.task,
        source=source.source,
        tags=source.tags,
        weight=source.weight,
        truth=pair.truth,
        boxes=source.boxes if pair.targets[0] is view.pixels else (),
    )
    pictures: dict[str, np.ndarray] = {
        "png": pair.targets[0],
        **{f"ref{number}.png": one for number, one in enumerate(pair.references)},
        **{f"target{number}.png": one for number, one in enumerate(pair.targets[1:], 1)},
    }
    if pair.mask is not None:
        pictures["editmask.png"] = pair.mask
    return {**{name: packed(picture) for name, picture in pictures.items()}, "json": record.to_json()}


def _both(captions: Mapping[str, Mapping[str, str]], instruction: Mapping[str, str]) -> dict[str, Mapping[str, str]]:
    return {language: captions.get(language, {}) for language in instruction}
