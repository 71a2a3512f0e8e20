"""Retrieves samples for concepts from crawled data: the nearest neighbours of a few texts or example pictures, tagged
with the concept (Seedream 3.0).
"""

import json
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le

from seedream_core.data.storage.engines import Spread
from seedream_core.errors import DataError, UserError
from seedream_core.records import Fate, Sample
from seedream_core.workflow.host import FREE, Host
from seedream_core.workflow.stage import DualEncoder, Folder, Shards, Stage

if TYPE_CHECKING:
    import numpy as np

    from seedream_core.data.retrieval.index import Found
    from seedream_core.data.retrieval.queries import Concept
    from seedream_core.data.storage.shards import ShardReader

TAG = "concept:"
FAR = "not among the nearest of any concept"


@dataclass(frozen=True, kw_only=True)
class RetrieveStage(Spread, Stage):
    makes: ClassVar[str] = "shards"
    version: ClassVar[int] = 2
    renamed: ClassVar[Mapping[str, str]] = {"same": "duplicate_cosine"}
    data: Shards
    "samples to search"
    encoder: DualEncoder
    "dual encoder that embeds pictures and texts"
    queries: Folder
    """.yaml or .jsonl file of concepts, each with concept (name), texts in either language, examples (keys in `data`),
    count"""
    count: Annotated[int, Ge(1)] = 100
    "samples to retrieve for a concept that has no count of its own"
    duplicate_cosine: Annotated[float, Gt(0), Le(1)] = 0.995
    "cosine similarity above which two samples count as the same picture; a concept takes only the nearer one"
    bad_budget: Annotated[float, Ge(0), Le(1)] = field(default=0.001, metadata=FREE)
    """largest share of unreadable samples (damaged shard, record or picture) that is quarantined; a larger share stops
    the run"""
    samples_per_shard: Annotated[int, Ge(1)] = 5000
    "samples in one tar file"

    def facts(self, inputs: Mapping[str, Any]) -> dict:
        return {name: value for name, value in inputs["data"].items() if name != "samples"}

    def run(self, out: Path, host: Host) -> dict:
        from seedream_core.data.retrieval.queries import read_concepts
        from seedream_core.data.storage.budget import check
        from seedream_core.data.storage.rewrite import carry
        from seedream_core.data.storage.shards import ShardReader

        concepts, reader = read_concepts(self.queries), ShardReader(self.data)
        positions, vectors, lost = self._embed(reader, host)
        found = self._search(concepts, reader, positions, vectors)
        tags: dict[int, dict[str, float]] = defaultdict(dict)
        for name, samples in found.items():
            for one in samples:
                tags[int(positions[one.row])][name] = one.cosine
        fates = self._write(reader, tags, lost, out)
        check(fates, fates["samples"], self.bad_budget, self.data, out)
        if not reader.damage:
            carry(reader, out)
        elif (self.data / "features").is_dir():  # whose rows are of the samples that were there
            print(
                f"retrieve: {self.data / 'features'} is not copied, because some shards are damaged: run "
                "data/curate on them again",
                file=sys.stderr,
            )
        return {
            **fates,
            "concepts": {
                name: {"taken": len(samples), "lowest_cosine": round(min(one.cosine for one in samples), 4)}
                for name, samples in found.items()
            },
            "facts": {"samples": fates["kept"]},
        }

    def _embed(self, reader: "ShardReader", host: Host) -> "tuple[np.ndarray, np.ndarray, dict[int, str]]":
        """Positions and vectors of all readable samples, and the reason for each unreadable one."""
        import numpy as np

        from seedream_core.data.retrieval.image_embeddings import embed
        from seedream_core.progress import track

        positions: list[int] = []
        parts, lost = [], {}
        with track("embed", len(reader)) as progress:
            for chunk in embed(self.data, self.encoder, len(reader), self.engine, host.workers):
                positions += chunk.positions
                parts.append(chunk.vectors)
                lost |= chunk.lost
                progress.advance(len(chunk.positions) + len(chunk.lost))
        if not positions:
            raise UserError(f"{self.data}: no picture in it can be read", "see `seedream data inspect`")
        return np.array(positions), np.concatenate(parts), lost

    def _search(
        self, concepts: "tuple[Concept, ...]", reader: "ShardReader", positions: "np.ndarray", vectors: "np.ndarray"
    ) -> "dict[str, list[Found]]":
        import numpy as np

        from seedream_core.data.retrieval.index import Index, concept
        from seedream_core.models.dual_encoder.artifact import load

        encoder, index = load(self.encoder), Index(vectors)
        rows = {reader.keys[position]: row for row, position in enumerate(positions)}
        found = {}
        for one in concepts:
            if missing := [key for key in one.examples if key not in rows]:
                raise UserError(
                    f"{self.queries}: {one.concept}: no sample {missing[0]!r} in {self.data}",
                    "examples are keys of samples; `seedream data inspect` shows some",
                )
            pictures = np.asarray(vectors[[rows[key] for key in one.examples]], np.float32)
            found[one.concept] = concept(
                index, encoder.texts(list(one.texts)), pictures, one.count or self.count, self.duplicate_cosine
            )
        return found

    def _write(
        self, reader: "ShardReader", tags: Mapping[int, Mapping[str, float]], lost: Mapping[int, str], out: Path
    ) -> dict:
        """Writes the fate of every sample, and the retrieved samples as shards; a killed run resumes after its last
        complete shard.
        """
        from seedream_core.data.storage.resumable_writer import ResumableWriter
        from seedream_core.progress import track
        from seedream_core.workflow.artifact import digest

        made_from = json.dumps(
            [digest(self.data), digest(self.encoder), digest(self.queries), self.count, self.duplicate_cosine]
        )
        damage = list(reader.damage)
        with (
            ResumableWriter(out, self.samples_per_shard, made_from) as journal,
            track("retrieve", len(reader), done=journal.done) as progress,
        ):
            for place in range(journal.done, len(damage) + len(reader)):
                if place < len(damage):
                    one = damage[place]
                    key, reason = one.key or f"{one.shard}@{one.offset}", f"shard: byte {one.offset}: {one.reason}"
                    journal.add(self._fate(key, "", one.shard, "quarantined", reason))
                    continue
                position = place - len(damage)
                one = partial(self._fate, reader.keys[position], name_of(reader, position), reader.shard(position))
                if position in lost:
                    journal.add(one("quarantined", lost[position]))
                elif position not in tags:
                    journal.add(one("dropped", FAR))
                else:
                    try:
                        members = tagged(reader.read(position), tags[position])
                    except DataError as error:
                        journal.add(one("quarantined", f"record: {error.message.removeprefix('record: ')}"))
                    else:
                        journal.add(one("kept", ""), members)
                progress.advance(**journal.fates)
            return {
                "samples": journal.fates.total(),
                **journal.counts(),
            }

    def _fate(self, key: str, name: str, source: str, fate: str, reason: str) -> Fate:
        return Fate(key=key, name=name, source=source, fate=fate, reason=reason, stage=self.path())


def name_of(reader: "ShardReader", position: int) -> str:
    """Name of a sample at its source; "" if its record cannot be read."""
    from seedream_core.data.storage.stored_records import StoredRecords

    try:
        return StoredRecords(reader)[position].name
    except DataError:
        return ""


def tagged(members: dict[str, bytes], concepts: Mapping[str, float]) -> dict[str, bytes]:
    """Members of a sample, with the retrieved concepts in its record and their similarity to the nearest example."""
    sample = Sample.of(members)
    tags = (*sample.tags, *(TAG + name for name in concepts if TAG + name not in sample.tags))
    scores = {**sample.scores, "retrieval": round(max(concepts.values()), 4)}
    return members | {"json": replace(sample, tags=tags, scores=scores).to_json()}
