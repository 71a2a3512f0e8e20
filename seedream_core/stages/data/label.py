"""Collects labels by active learning and trains a score head for defects, difficulty or aesthetics; labels come from
the truth in records or from a person.
"""

import json
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge

from seedream_core.data.curation.scorers import Scorer
from seedream_core.data.labelling.acquisition import ActiveLearning, Pool, Round
from seedream_core.data.storage.engines import Spread
from seedream_core.errors import DataError, NothingMade, UserError
from seedream_core.workflow.artifact import SCRATCH
from seedream_core.workflow.config import dump, outside_unless
from seedream_core.workflow.host import FREE, Host
from seedream_core.workflow.stage import DualEncoder, Heads, Shards, Stage

if TYPE_CHECKING:
    from seedream_core.data.labelling.active import Label, LearningResult
    from seedream_core.data.storage.shards import ShardReader

LABELS = "labels.jsonl"
FEATURES = f"{SCRATCH}/features"
ROUNDS = f"{SCRATCH}/rounds.json"
SHOWN_LOST = 3


def _appearance() -> Scorer:
    return Scorer.find("appearance")()


@dataclass(frozen=True, kw_only=True)
class LabelStage(Spread, Stage):
    makes: ClassVar[str] = "heads"
    version: ClassVar[int] = 2
    renamed: ClassVar[Mapping[str, str]] = {"pool": "max_pool", "ask": "export"}
    data: Shards
    "pictures from which samples are chosen for labelling"
    encoder: DualEncoder | None = None
    "dual encoder, for a scorer that embeds pictures"
    heads: Heads | None = None
    "score heads of other tasks, copied into the new artifact"
    task: Literal["defect", "difficulty", "aesthetic"] = "defect"
    "what the labels say: clean or defect; easy, medium or hard; or a number that is higher for better pictures"
    scorer: Scorer = field(default_factory=_appearance)
    "scorer whose features are the input of the score head"
    active: ActiveLearning = ActiveLearning()
    "options of active learning: how samples are chosen"
    max_pool: Annotated[int, Ge(20)] = 50_000
    "largest number of pictures to choose from; drawn at random"
    truth: str = ""
    """Dotted path of the label in the records (truth.damage, tags.watermark). No person is asked, and logs/curve.jsonl
    also shows the score reached with the same number of randomly chosen labels."""
    export: Path | None = field(default=None, metadata=FREE)
    """folder for the pictures and files round-NNN.jsonl in which a person fills in each `label`; the same command then
    continues"""
    labels: Path | None = field(default=None, metadata=outside_unless("export"))
    """Labels made by a person: a jsonl of {key, label}, or a folder of such files. With `export` they are the start of
    the seed set, labels in the `export` folder take precedence, and the file may change at any time. Without
    `export` they are all the labels there are, and they are part of the input: a result is stale when their contents
    change."""

    def __post_init__(self) -> None:
        if bool(self.truth) == bool(self.export or self.labels):
            raise ValueError(
                "give truth if the records hold the label; otherwise give export, labels or both for a person"
            )

    def facts(self, inputs: Mapping[str, Any]) -> dict:
        return {"tasks": sorted({self.task, *(inputs.get("heads") or {}).get("tasks", ())})}

    def run(self, out: Path, host: Host) -> dict:
        from seedream_core.data.labelling import annotations
        from seedream_core.data.storage.shards import ShardReader

        host.limit_threads()
        started = time.monotonic()
        reader = ShardReader(self.data)
        chosen = self._chosen(reader)
        if self.labels and not self.export:
            self._check_labels(chosen)
        name, pool, places = self._pool(reader, list(chosen.values()), out, host)
        pictures = annotations.Pictures(reader, places)
        measured = time.monotonic()
        if self.truth:
            truth = annotations.TruthAnnotator(pictures, self.truth, self.task)
            learned = self._learn(out, pool, lambda now, number: truth((*now.train, *now.held)), random=truth)
            labels_by_key = learned.train | learned.held
        else:
            labels_by_key = self._known(out, chosen)
            known = {key: label for key, label in labels_by_key.items() if key in pool.rows}
            person = annotations.HumanAnnotator(pictures, self.task, known, self.export)
            learned = self._learn(out, pool, person, given=known, further=self.export is not None)
        metrics = {
            "labels": learned.labels,
            "held_out": len(learned.held),
            "rounds": len(learned.heads),
            "stopped": learned.stopped,
            **{
                f"score_{point['chosen']}": point["score"] for point in learned.curve[-2:] if point["score"] is not None
            },
        }
        if learned.curve[-1]["score"] is None:
            alike = (
                f" of one class ({annotations.written(next(iter(learned.held.values())), self.task)})"
                if learned.held
                else ""
            )
            print(
                f"no score: {len(learned.held)} labels were held out for validation{alike}, but it needs two classes; "
                "give more labels",
                file=sys.stderr,
            )
        self._save(out, pool, learned, {"scorer": dump(self.scorer), "features": name, **metrics})
        annotations.write(out / LABELS, labels_by_key, self.task)
        print(f"{learned.labels} labels of {len(pool.keys)} pictures: {learned.stopped}", file=sys.stderr)
        return metrics | {
            "pool": len(pool.keys),
            "seconds_features": round(measured - started, 1),
            "seconds_learning": round(time.monotonic() - measured, 1),
        }

    def _chosen(self, reader: "ShardReader") -> dict[str, int]:
        """Keys of the samples to choose from, and their positions in the reader."""
        from seedream_core.randomness import fraction

        drawn = sorted(
            range(len(reader)), key=lambda place: (fraction(self.active.seed, reader.keys[place], 0, "pool"), place)
        )
        return {reader.keys[place]: place for place in sorted(drawn[: self.max_pool])}

    def _check_labels(self, chosen: Collection[str]) -> None:
        """Checks imported labels before anything is made, if no further labels can come: a step that has made nothing
        accepts other labels later.
        """
        from seedream_core.data.labelling import active, annotations

        labels = annotations.read(self.labels, self.task, chosen, self._named(chosen))
        if len(labels) < (needed := min(self.active.seed_labels, len(chosen))):
            raise annotations.lacking(0, needed - len(labels), len(labels))
        if len({label for label in labels.values() if label != active.SKIP}) < 2:
            raise DataError(
                f"{self.labels}: all {len(labels)} labels are the same; there is nothing to learn",
                "give labels of another class too",
            )

    def _pool(
        self, reader: "ShardReader", chosen: Sequence[int], out: Path, host: Host
    ) -> tuple[str, Pool, dict[str, int]]:
        """Name of the features, the pool, and the positions of its samples in the reader; unreadable samples are
        reported and left out.
        """
        from seedream_core.data.curation.filter_pass import CHUNK, FilterPass
        from seedream_core.data.curation.funnel import FunnelPlan
        from seedream_core.data.storage.pass_results import PassResults
        from seedream_core.progress import track
        from seedream_core.workflow.artifact import digest

        models = {"encoder": self.encoder} if self.encoder else {}
        filter_pass = FilterPass(self.data, digest(self.data), FunnelPlan.of((self.scorer,), ()), tuple(models.items()))
        made_from = json.dumps(
            [filter_pass.digest, *map(digest, models.values()), dump(self.scorer), self.max_pool, self.active.seed]
        )
        with (
            PassResults(out / FEATURES, made_from) as ledger,
            track("features", len(chosen), done=ledger.done) as progress,
        ):
            rest = chosen[ledger.done :]
            tasks = [rest[start : start + CHUNK] for start in range(0, len(rest), CHUNK)]
            for judged in self.engine(filter_pass, tasks, host.workers):
                for row, features in judged:
                    ledger.add(row, features)
                progress.advance(len(judged))
        rows = list(ledger.rows())
        lost = [f"{row.key}: {row.reason}" for row in rows if row.fate != "kept"] + list(map(str, reader.damage))
        for line in [*lost[:SHOWN_LOST], *([f"and {len(lost) - SHOWN_LOST} more"] if len(lost) > SHOWN_LOST else [])]:
            print(f"left out, because it cannot be read: {line}", file=sys.stderr)
        features = {name: array for name, array in ledger.features().items() if array.ndim == 2}
        name = next((name for name in self.scorer.gives if name in features), "")
        if not name:
            raise UserError(
                f"{self.data}: the scorer {self.scorer.name()} gives no features of {len(rows)} samples to learn from",
                "choose the scorer appearance, or embedding with an encoder",
            )
        places = {row.key: row.position for row in rows if row.fate == "kept"}
        return name, Pool(list(places), features[name], self.task, self.active), places

    def _known(self, out: Path, chosen: Collection[str]) -> "dict[str, Label]":
        """All labels that a person has given so far; answers to questions take precedence. They are kept here even if
        the files they came from are moved.
        """
        from seedream_core.data.labelling import annotations

        sources = [
            *([out / LABELS] if (out / LABELS).is_file() else []),
            *([self.labels] if self.labels else []),
            *([self.export] if self.export and self.export.is_dir() else []),
        ]
        known: dict[str, Label] = {}
        for source in sources:
            known |= annotations.read(source, self.task, chosen, self._named(chosen))
        if self.export:
            annotations.write(out / LABELS, known, self.task)
        return known

    def _named(self, chosen: Collection[str]) -> str:
        return f"the pool ({len(chosen)} pictures of {self.data})"

    def _learn(
        self, out: Path, pool: Pool, ask: "Callable[[Round, int], Mapping[str, Label]]", **options: Any
    ) -> "LearningResult":
        from seedream_core.data.labelling import active
        from seedream_core.progress import track
        from seedream_core.workflow.artifact import digest, write_atomic

        made_from = json.dumps([digest(self.data), dump(self.scorer), self.task, dump(self.active), self.max_pool])
        path = out / ROUNDS
        before = json.loads(path.read_bytes()) if path.is_file() else {}
        rounds = [Round(**one) for one in before["rounds"]] if before.get("made_from") == made_from else []
        shown = [0]
        with track("label", self.active.max_labels) as progress:

            def note(learned: "LearningResult") -> None:
                write_atomic(path, json.dumps({"made_from": made_from, "rounds": [asdict(one) for one in rounds]}))
                write_atomic(out / "logs" / "curve.jsonl", "".join(json.dumps(point) + "\n" for point in learned.curve))
                if learned.curve:
                    score = learned.curve[-1]["score"]
                    progress.advance(learned.labels - shown[-1], **({} if score is None else {"score": score}))
                    shown.append(learned.labels)

            return active.learn(pool, rounds, ask, note=note, **options)

    def _save(self, out: Path, pool: Pool, learned: "LearningResult", origin: Mapping[str, Any]) -> None:
        """The head trained on all labels, including the validation labels."""
        from seedream_core.data.labelling import active, score_heads

        labels = learned.train | learned.held
        if len(set(labels.values())) < 2:
            alike = f"{self.data}: all {len(labels)} labels are the same; there is nothing to learn"
            if learned.stopped == active.ALL:
                raise NothingMade(alike, "give other pictures, or more of them in the pool")
            if self.export:  # what a person has labelled stays in --out
                raise DataError(
                    alike,
                    f"raise active.seed_labels and active.max_labels, in another --out, with labels={out / LABELS}",
                )
            raise NothingMade(
                alike,
                "raise active.seed_labels and active.max_labels" if self.truth else "give labels of another class too",
            )
        head = replace(pool.fit(labels), origin=origin)
        score_heads.save(out, (score_heads.load(self.heads) if self.heads else {}) | {self.task: head})
