"""The report of a data artifact: its funnel, pictures with their fates, and the scores of the samples that were
kept.
"""

import hashlib
import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seedream_core.data.curation.lazy_sample import sound
from seedream_core.data.images.pictures import decode
from seedream_core.data.storage.shards import ShardReader
from seedream_core.data.storage.stored_records import StoredRecords
from seedream_core.errors import DataError, UserError
from seedream_core.report import charts, clusters
from seedream_core.report.lineage import LineageStep, trace
from seedream_core.report.pictures import Picture, inline
from seedream_core.report.render import render

EXAMPLES = 8
"""Pictures for each reason."""
SIDE = 168
"""Pixels of a picture's longer side on the page."""
CAUSES = 24
"""Causes shown for one stage, the most common ones; the others are counted together."""
OTHERS = "other reasons"
LETTERS = 300
"""Longest caption or reason on the page, in characters."""
NAMES = 24
"""Largest number of scores and of caption fields on the page."""
MEASURED = 20_000
"""Largest number of records behind the histograms, evenly spaced."""
TWIN = re.compile(r"the same (?:pixels|picture|content) as ([\w-]+)")


@dataclass
class Fates:
    """The fates of a stage, counted, with a few samples for each cause, chosen by a hash of their keys."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], list[dict]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> "Fates":
        fates, found = cls(), Counter(cause for cause, _ in _rows_by_cause(folder))
        common = {cause for cause, _ in found.most_common(CAUSES)} | {cause for cause in found if cause[0] == "kept"}
        for (fate, cause), count in found.items():
            fates.counts[fate, cause if (fate, cause) in common else OTHERS] += count
        for (fate, cause), row in _rows_by_cause(folder):
            if fate != "kept":  # those are shown from their shards
                cause = fate, cause if (fate, cause) in common else OTHERS
                shown = fates.examples.setdefault(cause, [])
                shown.append(row)
                if len(shown) > 2 * EXAMPLES:
                    fates.examples[cause] = _few(shown)
        fates.examples = {cause: _few(rows) for cause, rows in fates.examples.items()}
        return fates

    @property
    def total(self) -> int:
        return self.counts.total()


def build(folder: Path) -> str:
    """The page of an artifact of shards; UserError where no stage behind it recorded fates."""
    lineage = trace(folder)
    steps = [(step, Fates.of(step.folder)) for step in lineage.steps if (step.folder / "fates.jsonl").is_file()]
    if not steps or not (folder / "shards").is_dir():
        raise UserError(
            f"{folder}: no shards of samples with fates",
            "name an artifact of data/ingest, data/curate or another data stage",
        )
    kept, reader = SampleRecords.of(folder), ShardReader(folder)
    return render(
        "samples.html",
        {
            "name": folder.name,
            "place": shlex.quote(str(folder)),
            "known": {step.name for step in lineage.steps},
            "lost": lineage.lost,
            "steps": [
                {
                    "name": step.name,
                    "stage": step.manifest.stage,
                    "total": fates.total,
                    "metrics": step.manifest.metrics,
                }
                for step, fates in steps
            ],
            "first": steps[0][1].total,
            "samples": len(reader),
            "flow": charts.flow(_stations(steps)),
            "kept": [_shown(reader, place) for place in _spread(len(reader), EXAMPLES * 2)],
            "causes": [cause for step, fates in steps for cause in _causes(step, fates)],
            "twins": [pair for step, fates in steps for pair in _twins(step, fates)],
            "defects": [_shown(reader, place) for place in kept.boxed[: EXAMPLES * 2]],
            "histograms": [
                {"name": name, "svg": charts.histogram(values), "count": len(values)}
                for name, values in sorted(sorted(kept.scores.items(), key=lambda item: -len(item[1]))[:NAMES])
            ],
            "languages": kept.languages.most_common(NAMES),
            "sizes": kept.sizes.most_common(EXAMPLES),
            "measured": kept.count,
            "map": _map(folder, reader),
            "tail": _tail(folder),
            "versions": lineage.steps[-1].manifest.versions,
        },
    )


@dataclass
class SampleRecords:
    """Figures from the records of the kept samples, at most MEASURED of them."""

    count: int = 0
    scores: dict[str, list[float]] = field(default_factory=dict)
    languages: Counter[str] = field(default_factory=Counter)
    """Captions by `language.field`."""
    sizes: Counter[str] = field(default_factory=Counter)
    boxed: list[int] = field(default_factory=list)
    """Places of samples with boxes."""

    @classmethod
    def of(cls, folder: Path) -> "SampleRecords":
        stored, records = StoredRecords(ShardReader(folder)), cls()
        for place in _spread(len(stored), MEASURED):
            sample = stored[place]
            records.count += 1
            for name, value in sample.scores.items():
                records.scores.setdefault(name, []).append(value)
            records.languages.update(
                f"{language}.{name}" for language, texts in sample.captions.items() for name in texts
            )
            records.sizes[f"{sample.width}×{sample.height}"] += 1
            if sound(sample.boxes):
                records.boxed.append(place)
        return records


def _rows_by_cause(folder: Path) -> Iterator[tuple[tuple[str, str], dict]]:
    """Every row of a stage's fates, as ((fate, cause), row)."""
    with open(folder / "fates.jsonl", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            yield (row["fate"], row["reason"].partition(": ")[0]), row


def _map(folder: Path, reader: ShardReader) -> dict[str, Any] | None:
    found = clusters.draw(folder, len(reader))
    return found and {
        "feature": found.feature,
        "svg": charts.dots(found.points.tolist(), found.labels.tolist()),
        "groups": [
            {"count": count, "pictures": [_picture(reader, place) for place in places]}
            for count, places in zip(found.counts, found.nearest)
        ],
    }


def _tail(folder: Path) -> list[dict[str, Any]]:
    """The figures of data/balance for each kind of concept: effective numbers, and the rarest, before and after."""
    path = folder / "balance.json"
    concepts = json.loads(path.read_text(encoding="utf-8"))["concepts"] if path.is_file() else {}
    return [
        {
            "name": name,
            **item,
            "most": max((max(one["before"], one["after"]) for one in item["rarest"]), default=0) or 1,
        }
        for name, item in concepts.items()
        if item["concepts"]
    ]


def _stations(steps: Sequence[tuple[LineageStep, Fates]]) -> list[tuple[str, int, list[charts.LossCurve]]]:
    stations = []
    for step, fates in steps:
        order = {name: place for place, name in enumerate(step.manifest.metrics.get("funnel", ()))}
        losses = sorted(
            (cause for cause in fates.counts if cause[0] != "kept"),
            key=lambda cause: (cause[0] != "quarantined", order.get(cause[1], -1), -fates.counts[cause]),
        )
        stations.append(
            (
                step.name,
                fates.total,
                [charts.LossCurve(f"{cause or fate}", fates.counts[fate, cause], fate) for fate, cause in losses],
            )
        )
    _last_step, last = steps[-1]
    return [*stations, ("✓", sum(count for (fate, _), count in last.counts.items() if fate == "kept"), [])]


def _causes(step: LineageStep, fates: Fates) -> Iterator[dict[str, Any]]:
    """Each reason for which samples were dropped, with pictures where the step's input still has them."""
    places = _places(step, [row["key"] for rows in fates.examples.values() for row in rows])
    for (fate, cause), count in fates.counts.most_common():
        if fate != "kept":
            rows = fates.examples[fate, cause]
            yield {
                "step": step.name,
                "fate": fate,
                "cause": cause,
                "count": count,
                "total": fates.total,
                "share": count / fates.total,
                "rows": [
                    {
                        "key": row.get("name") or row["key"],
                        "source": row["source"],
                        "reason": row["reason"][:LETTERS],
                        "picture": _picture(*places[row["key"]]) if row["key"] in places else None,
                    }
                    for row in rows
                ],
            }


def _twins(step: LineageStep, fates: Fates) -> Iterator[dict[str, Any]]:
    """Duplicates beside the pictures that they repeat."""
    pairs = [
        (row, found[1])
        for (fate, _), rows in fates.examples.items()
        if fate == "dropped"
        for row in rows
        if (found := TWIN.search(row["reason"]))
    ]
    places = _places(step, [key for row, other in pairs for key in (row["key"], other)])
    for row, other in pairs:
        if row["key"] in places and other in places:
            yield {
                "key": row["key"],
                "other": other,
                "reason": row["reason"],
                "pictures": [picture for key in (other, row["key"]) if (picture := _picture(*places[key]))],
            }


def _places(step: LineageStep, keys: Sequence[str]) -> dict[str, tuple[ShardReader, int]]:
    """Key -> the picture's place in the step's inputs."""
    wanted, places = set(keys), {}
    for name in step.manifest.inputs:
        for source in step.manifest.sources(name):
            if (source / "shards").is_dir():
                reader = ShardReader(source)
                places |= {key: (reader, place) for place, key in enumerate(reader.keys) if key in wanted}
    return places


def _picture(reader: ShardReader, place: int) -> Picture | None:
    try:
        return inline(decode(reader.read(place)), SIDE)
    except DataError:
        return None


def _shown(reader: ShardReader, place: int) -> dict[str, Any]:
    sample = StoredRecords(reader)[place]
    caption = next((text for texts in sample.captions.values() for text in texts.values()), "")
    boxes = [
        {
            "kind": box["kind"],
            "style": "left:{:.2f}%;top:{:.2f}%;right:{:.2f}%;bottom:{:.2f}%".format(
                100 * box["box"][0], 100 * box["box"][1], 100 - 100 * box["box"][2], 100 - 100 * box["box"][3]
            ),
        }
        for box in sound(sample.boxes)
    ]
    return {
        "key": sample.name or sample.key,
        "caption": caption[:LETTERS],
        "boxes": boxes,
        "picture": _picture(reader, place),
    }


def _few(rows: list[dict]) -> list[dict]:
    return sorted(rows, key=lambda row: hashlib.blake2b(row["key"].encode("utf-8", "replace"), digest_size=8).digest())[
        :EXAMPLES
    ]


def _spread(count: int, most: int) -> list[int]:
    """At most `most` places, evenly spaced."""
    return [place * count // most for place in range(most)] if count > most else list(range(count))
