"""Curates crawled samples: sets unreadable ones aside, filters out bad ones, drops duplicates; records for every sample
whether it was kept, and why not.
"""

import json
import os
import shlex
import shutil
import sys
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Le

from seedream_core.data.curation.dedup import Dedup
from seedream_core.data.curation.filters import Filter
from seedream_core.data.curation.funnel import FILTERS, FunnelPlan
from seedream_core.data.curation.scorers import Scorer
from seedream_core.data.storage.engines import Spread
from seedream_core.errors import DataError, NothingMade
from seedream_core.records import FATES, Fate, Sample
from seedream_core.workflow.artifact import SCRATCH
from seedream_core.workflow.config import Component, changed, dump
from seedream_core.workflow.host import FREE, Host
from seedream_core.workflow.stage import DualEncoder, Folder, Heads, Shards, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seedream_core.data.curation.earlier_verdicts import EarlierVerdicts, Judged
    from seedream_core.data.curation.filter_pass import FilterPass
    from seedream_core.data.storage.pass_results import PassResults, PassRow
    from seedream_core.data.storage.shards import ShardReader

SHOWN_SHARDS = 5
TUPLE = "unreadable tuple"


def _filters() -> tuple[Filter, ...]:
    return tuple(Filter.find(name)() for name in FILTERS)


def _dedup() -> tuple[Dedup, ...]:
    return tuple(Dedup.find(name)() for name in ("exact", "near"))


@dataclass(frozen=True, kw_only=True)
class CurateStage(Spread, Stage):
    makes: ClassVar[str] = "shards"
    version: ClassVar[int] = 5
    data: Shards
    "shards to curate; data/ingest turns raw pictures from outside into shards"
    encoder: DualEncoder | None = None
    "dual encoder made by pretrain/dual_encoder, for scorers that compare pictures with captions or with each other"
    heads: Heads | None = None
    "score heads made by data/label (defect, difficulty, aesthetic)"
    scorers: tuple[Scorer, ...] = ()
    """scorers to run; a score that a filter needs and no scorer here gives is measured by its scorer with default
    options"""
    filters: tuple[Filter, ...] = field(default_factory=_filters)
    """filters, run from the cheapest to the most expensive, otherwise in this order; the first filter that rejects a
    sample gives the reason"""
    dedup: tuple[Dedup, ...] = field(default_factory=_dedup)
    """Comparisons that find duplicates among the samples that passed the filters, in this order; the first of several
    duplicates is kept. Tuples, and samples of a task other than t2i, are compared by `exact` only: they are
    duplicates if task, instruction and all pictures (references too) are the same."""
    width: Annotated[int, Ge(1)] | None = None
    """Width in pixels; give it together with `height`. Kept pictures are then written at this size: they are judged at
    their original size, scaled to cover the new size and cropped in the middle. Smaller pictures are dropped, and
    this size replaces the default 64×64 of the filter `size`."""
    height: Annotated[int, Ge(1)] | None = None
    "pixels"
    bad_budget: Annotated[float, Ge(0), Le(1)] = field(default=0.001, metadata=FREE)
    """largest share of unreadable samples (damaged shard, record or picture) that is quarantined; a larger share stops
    the run"""
    samples_per_shard: Annotated[int, Ge(1)] = 5000
    "samples in one tar file"
    retry: Folder | None = None
    """the --out folder of an earlier run of the same curation over the same samples, some of them repaired; only the
    samples that were unreadable or duplicates are measured and judged again"""

    def __post_init__(self) -> None:
        if (self.width is None) != (self.height is None):
            raise ValueError("width and height: give both, or neither")
        if self.retry and self.size:
            raise ValueError(
                "retry: no result can be reused if pictures are written at another size; give width and height "
                "to a separate curate step"
            )
        self.plan  # its checks are this config's

    @property
    def plan(self) -> FunnelPlan:
        return FunnelPlan.of(self.scorers, self._asked, {name: one.name() for one in self.dedup for name in one.needs})

    @property
    def _asked(self) -> tuple[Filter, ...]:
        """The filters; if an output size is set, the default size filter requires that size."""
        if not self.size:
            return self.filters
        size = Filter.find("size")
        return size(width=self.width, height=self.height), *(one for one in self.filters if one != size())

    @property
    def size(self) -> tuple[int, int] | None:
        return (self.width, self.height) if self.width else None

    @property
    def models(self) -> dict[str, Path]:
        """Artifacts that scorers may use, by field name."""
        return {name: folder for name in ("encoder", "heads") if (folder := getattr(self, name))}

    def facts(self, inputs: dict) -> dict:
        return dict(inputs["data"]) | ({"width": self.width, "height": self.height} if self.size else {})

    def run(self, out: Path, host: Host) -> dict:
        from seedream_core.data.storage.shards import ShardReader

        started = time.monotonic()
        reader = ShardReader(self.data)
        ledger = self._judge(reader, out, host)
        dropped = self._compare(ledger, out)
        fates, causes = self._tell(ledger, dropped, out)
        self._check(fates, causes, ledger, out)
        sizes = self._write(reader, ledger, dropped, out, host.workers)
        metrics = {
            "samples": fates.total(),
            **{fate: fates[fate] for fate in FATES},
            "funnel": [*self.plan.filters, *(one.name() for one in self.dedup)],
            "causes": dict(causes.most_common()),
            "ignored_members": dict(reader.ignored),
            "samples_per_second": round(fates.total() / (time.monotonic() - started), 1),
        }
        facts = {"samples": fates["kept"]}
        if len(sizes) == 1:
            facts["width"], facts["height"] = sizes.pop()
        return metrics | {"facts": facts}

    def _judge(self, reader: "ShardReader", out: Path, host: Host) -> "PassResults":
        """First pass: judges each sample alone; writes its row and features to disk."""
        from seedream_core.data.curation.earlier_verdicts import EarlierVerdicts
        from seedream_core.data.curation.filter_pass import FilterPass
        from seedream_core.data.storage.pass_results import PassResults
        from seedream_core.progress import track
        from seedream_core.workflow.artifact import digest
        from seedream_core.workflow.states import changes_since

        filter_pass = FilterPass(self.data, digest(self.data), self.plan, tuple(self.models.items()), self.size)
        lost = filter_pass.lost(reader)
        earlier = (
            EarlierVerdicts(self.retry, self, _essence, {one.name() for one in self.dedup}, changes_since)
            if self.retry
            else None
        )
        made_from = json.dumps(
            [
                filter_pass.digest,
                [digest(folder) for folder in self.models.values()],
                _essence(self),
                self.samples_per_shard,
                earlier.earlier.digest if earlier else "",
            ]
        )
        with (
            PassResults(out / SCRATCH, made_from) as ledger,
            track("curate", len(lost) + len(reader), done=ledger.done) as progress,
        ):
            fates = Counter(row.fate for row in ledger.rows())
            if not ledger.done:  # nothing that stands here was made from it
                shutil.rmtree(out / "shards", ignore_errors=True)
            for row in lost[ledger.done :]:
                ledger.add(row, {})
            for row, features in self._rows(
                filter_pass, reader, max(0, ledger.done - len(lost)), earlier, host.workers
            ):
                ledger.add(row, features)
                fates[row.fate] += 1
                progress.advance(**fates)
        return ledger

    def _rows(
        self,
        filter_pass: "FilterPass",
        reader: "ShardReader",
        first: int,
        earlier: "EarlierVerdicts | None",
        workers: int,
    ) -> "Iterator[Judged]":
        """Rows and features of all samples from `first` on, in order: taken from an earlier run where possible,
        otherwise computed.
        """
        every = range(first, len(reader))
        again = (
            every if earlier is None else array("q", (place for place in every if earlier.row(reader, place) is None))
        )
        judged = (
            pair for found in self.engine(filter_pass, filter_pass.tasks(again), workers, at_once=1) for pair in found
        )
        waiting = iter(again)
        upcoming = next(waiting, None)
        for place in every:
            if place == upcoming:
                yield next(judged)
                upcoming = next(waiting, None)
            else:
                yield earlier.row(reader, place)

    def _compare(self, ledger: "PassResults", out: Path) -> dict[int, tuple[str, str]]:
        """Finds duplicates among the kept samples: row -> (comparison that dropped it, reason). Features of the
        remaining samples are written as `features/*.npy`.
        """
        import numpy as np

        from seedream_core.data.storage.pass_results import choose

        kept = [(row.key, row.plain) for row in ledger.rows() if row.fate == "kept"]
        plain = np.array([plain for _, plain in kept], bool)
        left, features, dropped = np.arange(len(kept)), ledger.features(), {}
        for number, one in enumerate(self.dedup):
            compared = left if one.tuples else left[plain[left]]
            if not len(compared):
                continue
            mine = choose({name: features[name] for name in one.needs}, compared, out / SCRATCH / f"compared{number}")
            reasons = one(mine, [kept[place][0] for place in compared])
            dropped |= {int(compared[row]): (one.name(), reason) for row, reason in reasons.items()}
            left = np.setdiff1d(left, compared[list(reasons)])
        choose(features, left, out / "features")
        return dropped

    def _tell(self, ledger: "PassResults", dropped: dict[int, tuple[str, str]], out: Path) -> tuple[Counter, Counter]:
        """Writes and counts every fate, in the order of the input."""
        fates, causes = Counter(), Counter()
        temporary = out / ".fates.jsonl.tmp"
        with open(temporary, "w", encoding="utf-8", errors="backslashreplace") as lines:
            for row in _final(ledger, dropped):
                fates[row.fate] += 1
                causes.update([row.cause] if row.cause else [])
                fate = Fate(
                    key=row.key, name=row.name, source=row.source, fate=row.fate, reason=row.reason, stage=self.path()
                )
                lines.write(fate.to_json() + "\n")
            lines.flush()
            os.fsync(lines.fileno())
        os.replace(temporary, out / "fates.jsonl")
        for name, count in [
            *((fate, fates[fate]) for fate in FATES),
            *((f"  {cause}", count) for cause, count in causes.most_common()),
        ]:
            print(f"{name:<24}{count:>10}{count / max(1, fates.total()):>9.2%}", file=sys.stderr)
        return fates, causes

    def _check(self, fates: Counter, causes: Counter, ledger: "PassResults", out: Path) -> None:
        total, bad = fates.total(), fates["quarantined"]
        if bad > self.bad_budget * total:
            shards = Counter(row.source for row in ledger.rows() if row.fate == "quarantined")
            worst = ", ".join(f"{shard} ({count})" for shard, count in shards.most_common(SHOWN_SHARDS))
            more = f" and {len(shards) - SHOWN_SHARDS} more" if len(shards) > SHOWN_SHARDS else ""
            tuples = (
                f"curate the {causes[TUPLE]} tuples without width and height, in another --out; else "
                if causes[TUPLE]
                else ""
            )
            raise DataError(
                f"{self.data}: {bad} of {total} samples ({bad / total:.2%}) are unreadable, over the budget of "
                f"{self.bad_budget:.2%}; they are in {worst}{more}; each is named in {out / 'fates.jsonl'}",
                f"{tuples}repair the shards, or accept the loss with bad_budget: {_round_up(bad / total)}",
            )
        if not fates["kept"]:
            raise NothingMade(
                f"{self.data}: nothing is left of {total} samples; see {out / 'fates.jsonl'}",
                self._advice(causes, total),
            )

    def _advice(self, causes: Counter, total: int) -> str:
        """Advice for the case that no sample is left."""
        cause, count = causes.most_common(1)[0] if causes else ("", 0)
        if cause == TUPLE:
            return f"{count} of {total} are tuples: curate them without width and height"
        if (
            cause == "size"
            and self.size
            and all(one.width <= self.width and one.height <= self.height for one in self._asked if one.name() == cause)
        ):
            return f"{count} of {total} were dropped by {cause!r}: choose a smaller width and height"
        rest = [one for one in self.filters if one.name() != cause]
        if len(rest) < len(self.filters):
            return (
                f"{count} of {total} were dropped by {cause!r}: repair the data, loosen the filter, or leave it "
                f"out with --set {shlex.quote(f'filters={_spelt(rest)}')}"
            )
        return (
            f"{count} of {total} are quarantined ({cause}): repair them"
            if causes
            else "give shards that contain samples"
        )

    def _write(
        self, reader: "ShardReader", ledger: "PassResults", dropped: dict[int, tuple[str, str]], out: Path, workers: int
    ) -> set[tuple[int, int]]:
        """Writes the kept samples as shards, and the sizes of their pictures. A killed run resumes after its last
        complete shard.
        """
        from seedream_core.data.curation.filter_pass import record
        from seedream_core.data.images.resizing import Cover, moved
        from seedream_core.data.storage.shards import ShardWriter, complete_shards
        from seedream_core.progress import track
        from seedream_core.workflow.artifact import digest

        def kept() -> "Iterator[PassRow]":
            return (row for row in _final(ledger, dropped) if row.fate == "kept")

        whole = complete_shards(out / "shards")
        sizes, places = set(), array("q", (row.position for row in kept()))[whole * self.samples_per_shard :]
        fitted = (
            self.engine(Cover(self.data, digest(self.data), self.size), places, workers)
            if self.size
            else map(reader.read, places)
        )
        with (
            ShardWriter(out / "shards", self.samples_per_shard, first=whole) as writer,
            track("shards", ledger.kept - len(dropped)) as progress,
        ):
            for number, row in enumerate(kept()):
                members = (
                    next(fitted) if number >= whole * self.samples_per_shard else reader.read(row.position, "json")
                )
                sample = Sample.of(members)
                sizes.add(self.size or (sample.width, sample.height))
                if number >= whole * self.samples_per_shard:
                    found = record(sample, row)
                    writer.add(
                        row.key, members | {"json": moved(found, self.size or (found.width, found.height)).to_json()}
                    )
                progress.advance()
        return sizes


def _final(ledger: "PassResults", dropped: dict[int, tuple[str, str]]) -> "Iterator[PassRow]":
    """Every row, with the results of the comparisons."""
    place = 0
    for row in ledger.rows():
        if row.fate == "kept":
            if place in dropped:
                cause, reason = dropped[place]
                row = replace(row, fate="dropped", cause=cause, reason=f"{cause}: {reason}")
            place += 1
        yield row


def _essence(stage: CurateStage) -> dict:
    """Options that decide the fate of a sample."""
    return {name: changed(getattr(stage, name)) for name in ("scorers", "filters", "dedup", "size")}


def _spelt(parts: Sequence[Component]) -> str:
    """Members of a family on one line of YAML, with only the options that differ from the defaults."""
    import yaml

    listed = []
    for part in parts:
        options = {
            one.name: dump(getattr(part, one.name)) for one in fields(part) if getattr(part, one.name) != one.default
        }
        listed.append({"name": part.name(), **options} if options else part.name())
    return yaml.safe_dump(
        listed, default_flow_style=True, width=float("inf"), sort_keys=False, allow_unicode=True
    ).strip()


def _round_up(share: float) -> float:
    """Rounds up to the next thousandth, so that the advised value is large enough."""
    return min(1.0, (int(share * 1000) + 1) / 1000)
