"""Prepares pictures for training text rendering: reads text, crops watermarks away, drops pictures with unreadable
lines, writes captions that quote the text (Seedream 2.0).
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from seedream_core.data.curation.scorers import Scorer
from seedream_core.data.storage.engines import Spread
from seedream_core.errors import DataError, NothingMade
from seedream_core.records import Fate
from seedream_core.workflow.config import dump
from seedream_core.workflow.host import FREE, Host
from seedream_core.workflow.stage import Shards, Stage


def _ocr() -> tuple[Scorer, ...]:
    return (Scorer.find("ocr")(),)


@dataclass(frozen=True, kw_only=True)
class TextRenderingStage(Spread, Stage):
    makes: ClassVar[str] = "shards"
    version: ClassVar[int] = 3
    renamed: ClassVar[Mapping[str, str]] = {
        "crop_most": "max_crop",
        "sure": "min_confidence",
        "least_height": "min_height",
    }
    data: Shards
    """samples whose pictures contain text; if a record already has boxes of kind text, they are used, and OCR runs only
    on the others"""
    scorers: tuple[Scorer, ...] = field(default_factory=_ocr)
    "scorers that find lines of text and watermarks; ocr needs the extra: pip install 'seedream[ocr]'"
    marks: tuple[str, ...] = ("watermark", "logo", "subtitle", "sticker", "mosaic")
    """kinds of boxes that are cropped away; the record of a cropped picture loses its truth and scores, because they
    describe the whole picture"""
    max_crop: Annotated[float, Ge(0), Le(1)] = 0.25
    "largest share of a picture that may be cropped away"
    min_confidence: Annotated[float, Ge(0), Le(1)] = 0.8
    """smallest confidence of a text line; a picture with a less certain line is dropped, because it would teach broken
    letters"""
    min_height: Annotated[int, Ge(1)] = 8
    "smallest height of a text line in pixels"
    bad_budget: Annotated[float, Ge(0), Le(1)] = field(default=0.001, metadata=FREE)
    "largest share of unreadable samples that is quarantined without a stop"
    samples_per_shard: Annotated[int, Ge(1)] = 5000
    "samples in one tar file"

    def run(self, out: Path, host: Host) -> dict:
        from seedream_core.data.storage import budget, rewrite
        from seedream_core.data.storage.resumable_writer import ResumableWriter
        from seedream_core.progress import track
        from seedream_core.workflow.artifact import digest

        started = time.monotonic()
        reader = rewrite.whole(self.data)
        made_from = json.dumps([digest(self.data), dump(self, free=False)])
        with (
            ResumableWriter(out, self.samples_per_shard, made_from) as journal,
            track("text", len(reader), done=journal.done) as progress,
        ):
            for fate, members in self.engine(
                _Take(self, made_from), range(journal.done, len(reader)), host.workers, at_once=1
            ):
                journal.add(fate, members)
                budget.check(journal.fates, len(reader), self.bad_budget, self.data, out)
                progress.advance(**journal.fates)
            if not journal.fates["kept"]:
                raise NothingMade(
                    f"{self.data}: no picture of {len(reader)} has readable text; see {out / 'fates.jsonl'}"
                )
        return {
            "samples": len(reader),
            **journal.counts(),
            "samples_per_second": round(len(reader) / (time.monotonic() - started), 1),
            "facts": {"samples": journal.fates["kept"]},
        }


@dataclass(frozen=True)
class _Take:
    """The stage's work in a worker process; `made_from` changes when the input's contents change."""

    stage: TextRenderingStage
    made_from: str

    def __call__(self, position: int) -> tuple[Fate, dict[str, bytes] | None]:
        from seedream_core.data.captioning.text_crops import Rules, letter
        from seedream_core.data.curation.lazy_sample import LazySample

        reader, scorers = _opened(self)
        stage, members, name = self.stage, None, ""
        try:
            view = LazySample.read(reader, position)
            name = view.sample.name
            view.pixels
            if not any(isinstance(box, dict) and box.get("kind") == "text" for box in view.sample.boxes):
                for score in scorers:
                    score([view])
            members, why = letter(view, Rules(stage.marks, stage.max_crop, stage.min_confidence, stage.min_height))
            fate = "kept" if members else "dropped"
        except DataError as error:
            fate, why = "quarantined", error.message
        return Fate(
            key=reader.keys[position],
            name=name,
            source=reader.shard(position),
            fate=fate,
            reason=why,
            stage=stage.path(),
        ), members


@lru_cache(maxsize=1)
def _opened(take: _Take) -> tuple:
    from seedream_core.data.storage.shards import ShardReader

    return ShardReader(take.stage.data), [scorer.start({}) for scorer in take.stage.scorers]
