"""Writes shards and fates together in input order, so that a killed stage resumes after its last whole shard."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from seedream_core.data.storage.shards import ShardWriter
from seedream_core.records import FATES, Fate
from seedream_core.workflow.artifact import write_atomic

STATE = ".journal.json"


class ResumableWriter:
    """Writes `fates.jsonl` and `shards/` in a folder; the results of the first `done` input samples are safely on disk.

    The state is saved when a shard is complete; samples added after that are made again on resume, with the same bytes.
    A shard may end in the middle of the samples that one input sample gives: those already written are then skipped.
    `made_from` identifies the input; the state of another input is discarded.
    """

    def __init__(self, out: Path, samples_per_shard: int, made_from: str) -> None:
        self.out, self.made_from = out, made_from
        state = self._state()
        self.done, self.fates, self.changes = state["done"], Counter(state["fates"]), Counter(state["changes"])
        self.passed = state.get("passed", 0)
        """Number of samples of the next input sample that are already in complete shards."""
        self.writer = ShardWriter(out / "shards", samples_per_shard, first=state["shards"])
        self.whole = self.writer.shard
        path = out / "fates.jsonl"
        self.lines = open(path, "r+b" if path.exists() else "w+b")
        self.lines.truncate(state["bytes"])
        self.lines.seek(state["bytes"])

    def __enter__(self) -> "ResumableWriter":
        self.writer.__enter__()
        return self

    def __exit__(self, kind, error, trace) -> None:
        self.writer.__exit__(kind, error, trace)
        self._sync()
        if kind is None:
            self._save()
        self.lines.close()

    def add(self, fate: Fate, members: Mapping[str, bytes] | None = None, changes: Iterable[str] = ()) -> None:
        """Adds the next input sample: its fate, its members if it is kept, and the changes made to it."""
        self.add_all(fate, [] if members is None else [(fate.key, members)], changes)

    def add_all(
        self, fate: Fate, samples: Sequence[tuple[str, Mapping[str, bytes]]], changes: Iterable[str] = ()
    ) -> None:
        """Adds the next input sample: its fate, the samples (key, members) that it gives, and its counters."""
        line = fate.to_json().encode("utf-8", "backslashreplace") + b"\n"
        for number, (key, members) in enumerate(samples[self.passed :], self.passed + 1):
            self.writer.add(key, members)
            if self.writer.shard != self.whole and number < len(samples):
                self.passed = number
                self._sync()
                self._save()
        self.passed = 0
        self.lines.write(line)
        self.fates[fate.fate] += 1
        self.changes.update(changes)
        self.done += 1
        if self.writer.shard != self.whole:
            self._sync()
            self._save()

    def counts(self) -> dict[str, int]:
        """Number of input samples of each fate."""
        return {fate: self.fates[fate] for fate in FATES}

    def _sync(self) -> None:
        self.lines.flush()
        os.fsync(self.lines.fileno())

    def _save(self) -> None:
        self.whole = self.writer.shard
        state = {
            "made_from": self.made_from,
            "done": self.done,
            "passed": self.passed,
            "shards": self.whole,
            "bytes": self.lines.tell(),
            "fates": self.fates,
            "changes": self.changes,
        }
        write_atomic(self.out / STATE, json.dumps(state))

    def _state(self) -> dict:
        path = self.out / STATE
        state = json.loads(path.read_bytes()) if path.is_file() else {}
        fresh = {"done": 0, "shards": 0, "bytes": 0, "fates": {}, "changes": {}}
        return state if state.get("made_from") == self.made_from else fresh
