"""Captions for every sample, generic and specialised, in both languages; better strata get richer ones (Seedream 2.0)."""

import json
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Le, Len

from seedream_core.config import Config, dump
from seedream_core.data.captioners import Captioner
from seedream_core.errors import DataError
from seedream_core.host import FREE, Host
from seedream_core.records import Fate, Sample
from seedream_core.stage import Shards, Stage

if TYPE_CHECKING:
    from seedream_core.data.shards import ShardReader
    from seedream_core.data.told import Captions
    from seedream_core.data.view import View

CHUNK = 64
RAW = "alt"
"""Field under which a caption that came with the sample stays, where a new one takes its place."""


@dataclass(frozen=True, kw_only=True)
class Stratum(Config):
    """Samples that are alike in quality, and the captions that they get."""

    fields: tuple[str, ...]
    """Caption fields to write."""
    least: dict[str, float] = field(default_factory=dict)
    """Score -> least value; a sample without the score is not of this stratum. None takes every sample."""

    def __call__(self, sample: Sample) -> bool:
        return all(sample.scores.get(name, float("-inf")) >= value for name, value in self.least.items())


@dataclass(frozen=True, kw_only=True)
class Caption(Stage):
    makes: ClassVar[str] = "shards"
    data: Shards
    "samples to caption"
    captioners: Annotated[tuple[Captioner, ...], Len(1)]
    "asked in this order; a later one writes over an earlier one's field"
    strata: tuple[Stratum, ...] = ()
    "which fields a sample gets: of the first stratum that it belongs to; none gives all fields to all"
    replace: bool = False
    "throw away captions that a sample came with; else they stay, under `alt` where a new one takes their field"
    bad_budget: Annotated[float, Ge(0), Le(1)] = field(default=0.001, metadata=FREE)
    "largest share of samples that cannot be captioned (undecodable, no record) that is quarantined without a stop"
    samples_per_shard: Annotated[int, Ge(1)] = 5000
    "samples in one tar file"

    def facts(self, inputs: dict) -> dict:
        return dict(inputs["data"])

    def run(self, out: Path, host: Host) -> dict:
        from seedream_core.artifact import digest
        from seedream_core.data import budget
        from seedream_core.data.journal import Journal
        from seedream_core.data.shards import ShardReader
        from seedream_core.progress import track

        started = time.monotonic()
        reader, written, words = ShardReader(self.data), Counter(), Counter()
        if reader.damage:
            raise DataError(f"{self.data}: {reader.damage[0]}", "run data/curate on it first")
        captioners = [one.start(host) for one in self.captioners]
        made_from = json.dumps([digest(self.data), dump(self.captioners), dump(self.strata), self.replace, self.samples_per_shard])
        with Journal(out, self.samples_per_shard, made_from) as journal, track("caption", len(reader), done=journal.done) as progress:
            for start in range(journal.done, len(reader), CHUNK):
                for fate, members, captions in self._captioned(reader, range(start, min(start + CHUNK, len(reader))), captioners):
                    journal.add(fate, members)
                    for name, text in captions.items():
                        written[name] += 1
                        words[name] += len(text)
                budget.check(journal.fates, len(reader), self.bad_budget, self.data, out)
                progress.advance(min(CHUNK, len(reader) - start), **journal.fates)
        return {"samples": len(reader), **{fate: journal.fates[fate] for fate in ("kept", "dropped", "quarantined")},
                "captions_written_now": dict(written), "mean_characters": {name: round(words[name] / written[name], 1) for name in written},
                "samples_per_second": round(len(reader) / (time.monotonic() - started), 1), "facts": {"samples": journal.fates["kept"]}}

    def _captioned(self, reader: "ShardReader", positions: range, captioners: list[Any]) -> list[tuple[Fate, dict | None, dict[str, str]]]:
        """Fate, members and new captions (`language.field` -> text) of each sample."""
        from seedream_core.data.view import View

        views: dict[int, View] = {}
        problems: dict[int, str] = {}
        for position in positions:
            members = reader.read(position)
            try:
                if "json" not in members:
                    raise DataError("no json beside the picture")
                views[position] = View(Sample.from_json(members["json"]), members)
                views[position].pixels
            except DataError as error:
                views.pop(position, None)
                problems[position] = error.message
        told: dict[int, Captions] = {position: {} for position in views}
        for caption in captioners:
            for position, new in zip(views, caption(list(views.values())), strict=True):
                for language, texts in new.items():
                    told[position].setdefault(language, {}).update(texts)
        return [self._finished(reader.keys[position], reader.shard(position), views.get(position), told.get(position, {}), problems.get(position, ""))
                for position in positions]

    def _finished(self, key: str, shard: str, view: "View | None", told: "Captions", problem: str) -> tuple[Fate, dict | None, dict[str, str]]:
        record = b""
        if view:
            new = self._wanted(view.sample, told)
            try:
                record = replace(view.sample, captions=self._merged(view.sample.captions, new)).to_json()
            except DataError as error:
                problem = error.message
        fate = Fate(key=key, source=shard, fate="quarantined" if problem else "kept", reason=problem, stage=self.path())
        if problem:
            return fate, None, {}
        return fate, {**view.members, "json": record}, {f"{language}.{name}": text for language, texts in new.items() for name, text in texts.items()}

    def _wanted(self, sample: Sample, told: "Captions") -> "Captions":
        if not self.strata:
            return told
        fields = next((stratum.fields for stratum in self.strata if stratum(sample)), ())
        return {language: {name: text for name, text in texts.items() if name in fields} for language, texts in told.items()}

    def _merged(self, old: Any, new: "Captions") -> dict[str, dict[str, str]]:
        merged: dict[str, dict[str, str]] = {} if self.replace else {language: dict(texts) for language, texts in old.items()}
        for language, texts in new.items():
            kept = merged.setdefault(language, {})
            for name, text in texts.items():
                if name in kept and kept[name] != text:
                    kept.setdefault(RAW, kept[name])
                kept[name] = text
        return {language: texts for language, texts in merged.items() if texts}
