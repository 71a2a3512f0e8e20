"""The first funnel of a crawl: unreadable samples quarantined, bad ones filtered out, each with a fate and a reason."""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Le

from seedream_core.data.filters import Filter, View
from seedream_core.errors import DataError
from seedream_core.host import Host
from seedream_core.records import Fate, Sample, Verdict
from seedream_core.stage import Shards, Stage

if TYPE_CHECKING:
    from seedream_core.data.shards import ShardReader

SHOWN_SHARDS = 5


@dataclass(frozen=True)
class Outcome:
    """What became of one input sample, and its members if it is kept."""

    fate: Fate
    cause: str
    """The filter, or the kind of damage; "" for a kept sample."""
    sample: Sample | None = None
    members: dict[str, bytes] | None = None


def _funnel() -> tuple[Filter, ...]:
    return tuple(Filter.find(name)() for name in ("size", "caption", "uniform", "blurred", "duplicate"))


@dataclass(frozen=True, kw_only=True)
class Curate(Stage):
    makes: ClassVar[str] = "shards"
    version: ClassVar[int] = 2
    data: Shards
    "shards to sift, ours or any in the webdataset layout with our records"
    filters: tuple[Filter, ...] = field(default_factory=_funnel)
    "asked in this order; the first that says no gives the reason"
    budget: Annotated[float, Ge(0), Le(1)] = 0.001
    "largest share of unreadable samples (broken shard, record or picture) that is quarantined without a stop"
    samples_per_shard: Annotated[int, Ge(1)] = 5000
    "samples in one tar file"

    def facts(self, inputs: dict) -> dict:
        return dict(inputs["data"])

    def run(self, out: Path, host: Host) -> dict:
        from seedream_core.data.shards import ShardReader, ShardWriter
        from seedream_core.progress import track

        started = time.monotonic()
        reader = ShardReader(self.data)
        fates, causes, sizes, shards = Counter(), Counter(), set(), Counter()
        with (
            ShardWriter(out / "shards", self.samples_per_shard) as writer,
            open(out / "fates.jsonl", "w", encoding="utf-8", errors="backslashreplace") as lines,
            track("curate", len(reader) + len(reader.damage)) as progress,
        ):
            for outcome in self._outcomes(reader):
                fate = outcome.fate
                fates[fate.fate] += 1
                lines.write(fate.to_json() + "\n")
                if fate.fate == "kept":
                    sizes.add((outcome.sample.width, outcome.sample.height))
                    writer.add(fate.key, outcome.members)
                else:
                    causes[outcome.cause] += 1
                if fate.fate == "quarantined":
                    shards[fate.source] += 1
                progress.advance(**fates)
            lines.flush()
            os.fsync(lines.fileno())
        _table(fates, causes)
        self._check(fates, shards, out)
        metrics = {"samples": fates.total(), **{fate: fates[fate] for fate in ("kept", "dropped", "quarantined")},
                   "causes": dict(causes.most_common()), "ignored_members": dict(reader.ignored),
                   "samples_per_second": round(fates.total() / (time.monotonic() - started), 1)}
        facts = {"samples": fates["kept"]}
        if len(sizes) == 1:
            facts["width"], facts["height"] = sizes.pop()
        return metrics | {"facts": facts}

    def _outcomes(self, reader: "ShardReader") -> Iterator[Outcome]:
        """One for every sample of the input, readable or not."""
        judges = [(item.name(), item.start()) for item in self.filters]
        for damage in list(reader.damage):
            key = damage.key or f"{damage.shard}@{damage.offset}"
            yield self._quarantined(key, damage.shard, "shard", f"byte {damage.offset}: {damage.reason}")
        for index, key in enumerate(reader.keys):
            yield self._outcome(reader, index, key, judges)

    def _outcome(self, reader: "ShardReader", index: int, key: str,
                 judges: list[tuple[str, Callable[[View], Verdict]]]) -> Outcome:
        from seedream_core.data.pictures import decode
        from seedream_core.data.shards import DamagedSample

        shard, cause = reader.shard(index), "shard"
        try:
            members = reader.read(index)
            cause = "record"
            sample = _record(key, members)
            cause = "picture"
            view = View(sample, decode(members))
            if view.pixels.shape[:2] != (sample.height, sample.width):
                height, width, _ = view.pixels.shape
                raise DataError(f"{width}×{height} pixels where the record says {sample.width}×{sample.height}")
        except DamagedSample as error:
            return self._quarantined(key, shard, cause, f"byte {error.damage.offset}: {error.damage.reason}")
        except DataError as error:
            return self._quarantined(key, shard, cause, error.message)
        for name, judge in judges:
            verdict = judge(view)
            if not verdict.keep:
                return Outcome(self._fate(key, shard, "dropped", f"{name}: {verdict.reason}"), name)
        kept = replace(sample, scores={**sample.scores, **view.scores})
        try:
            record = kept.to_json()
        except DataError as error:
            return self._quarantined(key, shard, "record", error.message)
        return Outcome(self._fate(key, shard, "kept", ""), "", kept, members | {"json": record})

    def _quarantined(self, key: str, shard: str, cause: str, reason: str) -> Outcome:
        return Outcome(self._fate(key, shard, "quarantined", f"{cause}: {reason}"), f"unreadable {cause}")

    def _fate(self, key: str, shard: str, fate: str, reason: str) -> Fate:
        return Fate(key=key, source=shard, fate=fate, reason=reason, stage=self.path())

    def _check(self, fates: Counter, shards: Counter, out: Path) -> None:
        total, bad = fates.total(), fates["quarantined"]
        if bad > self.budget * total:
            worst = ", ".join(f"{shard} ({count})" for shard, count in shards.most_common(SHOWN_SHARDS))
            more = f" and {len(shards) - SHOWN_SHARDS} more" if len(shards) > SHOWN_SHARDS else ""
            raise DataError(
                f"{self.data}: {bad} of {total} samples ({bad / total:.2%}) are unreadable, over the budget of "
                f"{self.budget:.2%}; they are in {worst}{more}; each is named in {out / 'fates.jsonl'}",
                f"mend the shards, or accept the loss with budget: {_round_up(bad / total)}")
        if not fates["kept"]:
            raise DataError(f"{self.data}: nothing is left of {total} samples; see {out / 'fates.jsonl'}",
                            "loosen the filters")


def _record(key: str, members: dict[str, bytes]) -> Sample:
    if "json" not in members:
        raise DataError("no json beside the picture")
    sample = Sample.from_json(members["json"])
    if sample.key != key:
        raise DataError(f"the record belongs to {sample.key}")
    return sample


def _round_up(share: float) -> float:
    """To the next thousandth, so that the advice is enough."""
    return min(1.0, (int(share * 1000) + 1) / 1000)


def _table(fates: Counter, causes: Counter) -> None:
    rows = [(fate, fates[fate]) for fate in ("kept", "dropped", "quarantined")]
    rows += [(f"  {cause}", count) for cause, count in causes.most_common()]
    for name, count in rows:
        print(f"{name:<24}{count:>10}{count / max(1, fates.total()):>9.2%}", file=sys.stderr)
