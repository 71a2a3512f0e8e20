"""Writes captions for every sample, generic and specialised, in both languages; samples of better quality get richer
captions (Seedream 2.0).
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Le, Len

from seedream_core.data.captioning.captioners import Captioner
from seedream_core.errors import DataError, NothingMade
from seedream_core.records import Fate, Sample
from seedream_core.workflow.config import Config, dump
from seedream_core.workflow.host import FREE, Host
from seedream_core.workflow.stage import Shards, Stage

if TYPE_CHECKING:
    from seedream_core.data.curation.lazy_sample import LazySample
    from seedream_core.data.sources.raw_captions import Captions
    from seedream_core.data.storage.resumable_writer import ResumableWriter
    from seedream_core.data.storage.shards import ShardReader

CHUNK = 64
RAW = "alt"
"""Field that keeps the raw short caption of a sample when a new caption replaces it; other fields are kept as
`alt_<field>`."""
CAPTIONED, NO_STRATUM, SCORED = "captioned", "in no stratum", "score "
"""Counters of the run: samples that got a caption, samples in no stratum, samples that have a given score."""
OTHERS, LONGEST = 20, 40
"""How many scores are counted although no stratum uses them (they are listed next to a misspelt name in errors), and
how many letters of such a name are shown."""


@dataclass(frozen=True, kw_only=True)
class Stratum(Config):
    """Samples of similar quality, and the captions that they get."""

    renamed: ClassVar[Mapping[str, str]] = {"least": "min_scores"}

    fields: tuple[str, ...]
    """Caption fields to write."""
    min_scores: dict[str, float] = field(default_factory=dict)
    """Score -> minimum value; a sample without the score is not in this stratum. An empty mapping accepts every sample.
    """

    def __call__(self, sample: Sample) -> bool:
        return all(sample.scores.get(name, float("-inf")) >= value for name, value in self.min_scores.items())


@dataclass(frozen=True, kw_only=True)
class CaptionStage(Stage):
    makes: ClassVar[str] = "shards"
    version: ClassVar[int] = 2
    data: Shards
    "samples to caption"
    captioners: Annotated[tuple[Captioner, ...], Len(1)]
    "captioners, run in this order; a later one overwrites a field that an earlier one wrote"
    strata: tuple[Stratum, ...] = ()
    """groups of samples with the caption fields that each gets: a sample belongs to the first stratum whose scores it
    reaches, and gets no new caption if there is none; without strata, every sample gets all fields"""
    replace: bool = False
    """whether a sample that gets a new caption loses all its other captions; if false, they stay, and a caption whose
    field is overwritten moves to `alt` (`alt_long`, …)"""
    bad_budget: Annotated[float, Ge(0), Le(1)] = field(default=0.001, metadata=FREE)
    """largest share of samples that may fail (picture cannot be decoded, record missing); failed samples are
    quarantined, and a larger share stops the run"""
    samples_per_shard: Annotated[int, Ge(1)] = 5000
    "samples in one tar file"

    def __post_init__(self) -> None:
        known = {name for one in self.captioners for name in one.wanted()}
        if unknown := sorted({name for stratum in self.strata for name in stratum.fields} - known):
            raise ValueError(
                f"strata: {', '.join(unknown)}: no captioner here writes that; they write {', '.join(sorted(known))}"
            )

    def facts(self, inputs: dict) -> dict:
        return dict(inputs["data"])

    def run(self, out: Path, host: Host) -> dict:
        from seedream_core.data.storage import budget, rewrite
        from seedream_core.data.storage.resumable_writer import ResumableWriter
        from seedream_core.progress import track
        from seedream_core.workflow.artifact import digest

        started = time.monotonic()
        reader, written, words = rewrite.whole(self.data), Counter(), Counter()
        captioners = [one.start(host) for one in self.captioners]
        made_from = json.dumps(
            [digest(self.data), dump(self.captioners), dump(self.strata), self.replace, self.samples_per_shard]
        )
        with (
            ResumableWriter(out, self.samples_per_shard, made_from) as journal,
            track("caption", len(reader), done=journal.done) as progress,
        ):
            first = journal.done
            for start in range(first, len(reader), CHUNK):
                for fate, members, captions, notes in self._captioned(
                    reader, range(start, min(start + CHUNK, len(reader))), captioners
                ):
                    journal.add(fate, members, self._counted(notes, journal.changes.keys()))
                    for name, text in captions.items():
                        written[name] += 1
                        words[name] += len(text)
                budget.check(journal.fates, len(reader), self.bad_budget, self.data, out)
                progress.advance(min(CHUNK, len(reader) - start), **journal.fates)
            if not journal.fates["kept"]:
                raise DataError(
                    f"{self.data}: none of {len(reader)} samples could be captioned; see {out / 'fates.jsonl'}"
                )
            self._tell(journal)
        rewrite.carry(reader, out)
        return {
            "samples": len(reader),
            **journal.counts(),
            "captioned": journal.changes[CAPTIONED],
            "in_no_stratum": journal.changes[NO_STRATUM],
            "captions_written_now": dict(written),
            "mean_characters": {name: round(words[name] / written[name], 1) for name in written},
            "samples_per_second": round((len(reader) - first) / (time.monotonic() - started), 1),
            "facts": {"samples": journal.fates["kept"]},
        }

    def _tell(self, journal: "ResumableWriter") -> None:
        """Reports how many samples got no caption and which requested scores no record has; UserError if no sample got
        a caption.
        """
        kept, outside = journal.fates["kept"], journal.changes[NO_STRATUM]
        wanted = self._wanted()
        scores = {
            name.removeprefix(SCORED): times
            for name, times in sorted(journal.changes.items())
            if name.startswith(SCORED)
        }
        more = ", …" * (len(scores.keys() - wanted) == OTHERS)
        has = ", ".join(f"{name} ({times})" for name, times in scores.items()) + more or "none"
        if not journal.changes[CAPTIONED]:
            silent = (
                f"{', '.join(one.name() for one in self.captioners)} wrote nothing for {kept - outside} of "
                f"{kept} samples"
            )
            if not outside:
                raise NothingMade(
                    f"{self.data}: not one caption was written: {silent}",
                    "choose a captioner, or fields, that suit these pictures",
                )
            raise NothingMade(
                f"{self.data}: not one caption was written: {outside} of {kept} samples are in no stratum"
                f"{f', and {silent}' if outside < kept else ''}. "
                f"The strata need the scores {', '.join(wanted)}; the records have {has}",
                "name scores that the records have (curate's scorers write them), or lower `min_scores`",
            )
        if (captioned := journal.changes[CAPTIONED]) < kept:
            print(f"caption: {captioned} of {kept} samples got a caption", file=sys.stderr)
        if outside:
            print(
                f"caption: {outside} of {kept} samples are in no stratum: they keep the captions that they came with",
                file=sys.stderr,
            )
        if missing := [name for name in wanted if name not in scores]:
            print(
                f"caption: strata need {', '.join(missing)}, which no record has; the records' scores: {has}",
                file=sys.stderr,
            )

    def _captioned(
        self,
        reader: "ShardReader",
        positions: range,
        captioners: list[Any],
    ) -> list[tuple[Fate, dict | None, dict[str, str], tuple[str, ...]]]:
        """Fate, members, new captions (`language.field` -> text) and counters of each sample."""
        from seedream_core.data.curation.lazy_sample import LazySample, portions

        views: dict[int, LazySample] = {}
        problems: dict[int, str] = {}
        for position in positions:
            try:
                views[position] = LazySample.read(reader, position)
            except DataError as error:
                problems[position] = error.message
        written_by_position: dict[int, Captions] = {}
        for part in portions(views):
            for position in part:
                try:
                    views[position].pixels
                except DataError as error:
                    problems[position] = error.message
            sound = {
                position: views[position]
                for position in part
                if position not in problems and self._fields(views[position].sample) != ()
            }
            written_by_position |= {position: {} for position in sound}
            for caption in captioners:
                for position, new in zip(sound, caption(list(sound.values())), strict=True):
                    for language, texts in new.items():
                        written_by_position[position].setdefault(language, {}).update(texts)
            for position in part:
                views[position].forget()
        return [
            self._finished(
                reader.keys[position],
                reader.shard(position),
                views.get(position),
                written_by_position.get(position, {}),
                problems.get(position, ""),
            )
            for position in positions
        ]

    def _finished(
        self, key: str, shard: str, view: "LazySample | None", written: "Captions", problem: str
    ) -> tuple[Fate, dict | None, dict[str, str], tuple[str, ...]]:
        record, texts = b"", {}
        if view and not problem:
            fields = self._fields(view.sample)
            new = {
                language: {name: text for name, text in texts.items() if fields is None or name in fields}
                for language, texts in written.items()
            }
            texts = {f"{language}.{name}": text for language, texts in new.items() for name, text in texts.items()}
            try:
                record = replace(view.sample, captions=self._merged(view.sample.captions, new)).to_json()
            except DataError as error:
                problem = error.message
        fate = Fate(
            key=key,
            name=view.sample.name if view else "",
            source=shard,
            fate="quarantined" if problem else "kept",
            reason=problem,
            stage=self.path(),
        )
        if problem:
            return fate, None, {}, ()
        return (
            fate,
            {**view.members, "json": record},
            texts,
            (*([CAPTIONED] if texts else ()), *self._noted(view.sample)),
        )

    def _stratum(self, sample: Sample) -> Stratum | None:
        return next((stratum for stratum in self.strata if stratum(sample)), None)

    def _fields(self, sample: Sample) -> tuple[str, ...] | None:
        """Caption fields that a sample gets; None means every field."""
        return None if not self.strata else stratum.fields if (stratum := self._stratum(sample)) else ()

    def _noted(self, sample: Sample) -> list[str]:
        """Counters of a sample if there are strata: whether it is in no stratum, and its scores."""
        return (
            [*([] if self._stratum(sample) else [NO_STRATUM]), *(SCORED + name for name in sample.scores)]
            if self.strata
            else []
        )

    def _wanted(self) -> list[str]:
        return sorted({name for stratum in self.strata for name in stratum.min_scores})

    def _counted(self, notes: Sequence[str], before: Set[str]) -> list[str]:
        """Counters of a sample without scores beyond those that may be counted: records from outside may hold any
        number of score names.
        """
        known = {CAPTIONED, NO_STRATUM, *(SCORED + name for name in self._wanted())}
        others, counted = before - known, []
        for note in notes:
            if note not in known | others:
                if len(others) == OTHERS or len(note) > len(SCORED) + LONGEST:
                    continue
                others.add(note)
            counted.append(note)
        return counted

    def _merged(self, old: Any, new: "Captions") -> dict[str, dict[str, str]]:
        starts_empty = self.replace and any(new.values())
        merged: dict[str, dict[str, str]] = (
            {} if starts_empty else {language: dict(texts) for language, texts in old.items()}
        )
        for language, texts in new.items():
            kept = merged.setdefault(language, {})
            for name, text in texts.items():
                if name in kept and kept[name] != text:
                    _put_aside(kept, name)
                kept[name] = text
        return {language: texts for language, texts in merged.items() if texts}


def _put_aside(texts: dict[str, str], name: str) -> None:
    """Copies the caption of this field to its raw field, or to the first free one after it (`alt_2`, …), so that no
    caption is lost.
    """
    raw = RAW if name == "short" else f"{RAW}_{name}"
    for slot in chain([raw], (f"{raw}_{number}" for number in count(2))):
        if texts.setdefault(slot, texts[name]) == texts[name]:
            return
