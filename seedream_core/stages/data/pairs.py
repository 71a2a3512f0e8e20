"""Tuples for editing, control and composition: references, targets, instruction and mask (SeedEdit, Seedream 4.0)."""

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Le, Len

from seedream_core.config import dump
from seedream_core.data.pairs import Pair
from seedream_core.data.pairs import Pairs as Family
from seedream_core.errors import DataError
from seedream_core.host import FREE, Host
from seedream_core.records import Fate, Sample, safe_key
from seedream_core.stage import Shards, Stage

if TYPE_CHECKING:
    import numpy as np

CHUNK = 16
INSTRUCTION, BEFORE = "instruction", "before"
"""Caption fields: what to do with the references, and what the first of them shows."""


@dataclass(frozen=True, kw_only=True)
class Pairs(Stage):
    makes: ClassVar[str] = "shards"
    data: Shards
    "pictures to make tuples of; edits and compositions need scenes with their truth"
    pairs: Annotated[tuple[Family, ...], Len(1)]
    "ways to make tuples; each is tried on every sample"
    seed: Annotated[int, Ge(0)] = 0
    "of what is edited, and how"
    bad_budget: Annotated[float, Ge(0), Le(1)] = field(default=0.001, metadata=FREE)
    "largest share of unreadable samples that is quarantined without a stop"
    samples_per_shard: Annotated[int, Ge(1)] = 2000
    "tuples in one tar file"

    def run(self, out: Path, host: Host) -> dict:
        from seedream_core.artifact import digest
        from seedream_core.data import budget
        from seedream_core.data.ordered import ordered, processes
        from seedream_core.data.shards import ShardReader, ShardWriter
        from seedream_core.progress import track

        started = time.monotonic()
        reader, fates, tasks = ShardReader(self.data), Counter(), Counter()
        if reader.damage:
            raise DataError(f"{self.data}: {reader.damage[0]}", "run data/curate on it first")
        maker = _Maker(self, digest(self.data))
        chunks = [range(start, min(start + CHUNK, len(reader))) for start in range(0, len(reader), CHUNK)]
        with (
            ShardWriter(out / "shards", self.samples_per_shard) as writer,
            open(out / "fates.jsonl", "w", encoding="utf-8") as lines,
            track("pairs", len(reader)) as progress,
        ):
            for made in ordered(maker, chunks, processes(host.workers)):
                for fate, tuples in made:
                    fates[fate.fate] += 1
                    lines.write(fate.to_json() + "\n")
                    for task, key, members in tuples:
                        tasks[task] += 1
                        writer.add(key, members)
                budget.check(fates, len(reader), self.bad_budget, self.data, out)
                progress.advance(len(made), tuples=tasks.total())
        if not tasks:
            raise DataError(f"{self.data}: no tuple could be made of {len(reader)} samples; see {out / 'fates.jsonl'}")
        return {"samples": len(reader), **{fate: fates[fate] for fate in ("kept", "dropped", "quarantined")}, "tasks": dict(tasks.most_common()),
                "tuples_per_second": round(tasks.total() / (time.monotonic() - started), 1), "facts": {"samples": tasks.total()}}


@dataclass(frozen=True)
class _Maker:
    """A stage at work in any process; `digest` tells one input's contents from another's."""

    stage: Pairs
    digest: str

    def __call__(self, positions: Sequence[int]) -> list[tuple[Fate, list[tuple[str, str, dict[str, bytes]]]]]:
        from seedream_core.data.scenes.world import Draw
        from seedream_core.data.view import View

        reader, makers = _opened(self)
        results = []
        for position in positions:
            key, tuples, why, fate = reader.keys[position], [], "", "kept"
            try:
                members = reader.read(position)
                if "json" not in members:
                    raise DataError("no json beside the picture")
                view = View(Sample.from_json(members["json"]), members)
                view.pixels
                for number, (name, make) in enumerate(makers):
                    for pair in make(view, Draw("pairs", self.stage.seed, key, number)):
                        name = safe_key(f"{key}-{number}{len(tuples)}-{pair.task}")
                        tuples.append((pair.task, name, members_of(name, pair, view.sample)))
                if not tuples:
                    fate, why = "dropped", "no tuple can be made of it: " + ", ".join(name for name, _ in makers)
            except DataError as error:
                fate, why = "quarantined", error.message
            results.append((Fate(key=key, source=reader.shard(position), fate=fate, reason=why, stage=self.stage.path()), tuples))
        return results


@lru_cache(maxsize=1)
def _opened(maker: _Maker) -> tuple:
    from seedream_core.data.shards import ShardReader

    return ShardReader(maker.stage.data), [(one.name(), one.start()) for one in maker.stage.pairs]


def members_of(key: str, pair: Pair, source: Sample) -> dict[str, bytes]:
    """A tuple as members: the first target is the picture, further ones `target1.png` …, references `ref0.png` …, the mask `editmask.png`."""
    captions = {language: {**texts, INSTRUCTION: pair.instruction[language]} for language, texts in _both(pair.captions, pair.instruction).items()}
    for language, texts in pair.before.items():
        if "short" in texts:
            captions.setdefault(language, {})[BEFORE] = texts["short"]
    height, width, _ = pair.targets[0].shape
    record = Sample(key=key, name=source.key, width=width, height=height, captions=captions, task=pair.task, source=source.source,
                    tags=source.tags, weight=source.weight, truth=pair.truth)
    pictures: dict[str, np.ndarray] = {"png": pair.targets[0], **{f"ref{number}.png": one for number, one in enumerate(pair.references)},
                                       **{f"target{number}.png": one for number, one in enumerate(pair.targets[1:], 1)}}
    if pair.mask is not None:
        pictures["editmask.png"] = pair.mask
    return {**{name: _png(picture) for name, picture in pictures.items()}, "json": record.to_json()}


def _both(captions: Mapping[str, Mapping[str, str]], instruction: Mapping[str, str]) -> dict[str, Mapping[str, str]]:
    return {language: captions.get(language, {}) for language in instruction}


def _png(picture: "np.ndarray") -> bytes:
    import io

    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(picture).save(data, "PNG", compress_level=1)
    return data.getvalue()
