"""Assigns samples to the topics (nodes) of a taxonomy, weights them so that four data pools mix in given shares, and
reports how many samples each node lacks.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le

from seedream_core.errors import DataError, UserError
from seedream_core.records import Sample
from seedream_core.workflow.host import Host
from seedream_core.workflow.stage import Folder, Scores, Shards, Stage

if TYPE_CHECKING:
    import numpy as np

    from seedream_core.data.balancing.taxonomy import Taxonomy
    from seedream_core.data.storage.stored_records import StoredRecords

PREFIX = "node:"
COVERAGE = "coverage.json"
SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class TaxonomyStage(Stage):
    makes: ClassVar[str] = "shards"
    renamed: ClassVar[Mapping[str, str]] = {"repeats": "max_repeats"}
    data: Shards
    "samples to assign"
    taxonomy: Folder | None = None
    """YAML file of nodes with their keywords; if not set, the packaged one is used (culture.yaml in
    seedream_core/data/balancing/taxonomy)"""
    target: Annotated[int, Ge(1)] = 100
    "number of samples that a node should have, unless the node sets its own"
    features: str | None = None
    """name of a feature that curate measured (`features/NAME.npy`), by which samples similar to a node's examples are
    found; if not set, only keywords are used"""
    high_quality: dict[str, float] = field(default_factory=dict)
    """score -> minimum value; samples that reach all of them form the high-quality pool; an empty mapping leaves that
    pool empty"""
    weak: Scores | None = None
    "an evaluation made by eval/bench; words that it found weak go into the targeted pool"
    weak_words: tuple[str, ...] = ()
    "more words for the targeted pool, in either language"
    mix: dict[str, Annotated[float, Ge(0)]] = field(
        default_factory=lambda: {"maintenance": 0.5, "high_quality": 0.2, "knowledge": 0.2, "targeted": 0.1}
    )
    "share of draws from each pool; the share of an empty pool is divided among the others"
    alpha: Annotated[float, Gt(0), Le(1)] = 0.75
    """in the maintenance pool a source of n samples is drawn in proportion to n^alpha: large sources are reduced and
    keep their order"""
    max_repeats: Annotated[float, Ge(1)] = 10.0
    """upper limit for how often one sample appears in an epoch (an epoch has as many places as there are samples);
    exceeded only if too few samples have a weight to fill the epoch"""
    samples_per_shard: Annotated[int, Ge(1)] = 5000
    "samples in one tar file"

    def __post_init__(self) -> None:
        from seedream_core.data.balancing.pools import POOLS
        from seedream_core.data.balancing.taxonomy.phrases import forms
        from seedream_core.workflow.config import nearest

        for word in self.weak_words:
            try:
                tuple(forms(word))
            except ValueError as error:
                raise ValueError(f"weak_words: {error}") from None
        for pool in self.mix:
            if pool not in POOLS:
                raise ValueError(f"mix: no pool {pool!r}{nearest(pool, POOLS)}; the pools are {', '.join(POOLS)}")
        if not any(self.mix.values()):
            raise ValueError("mix: at least one pool needs a share above 0")

    def facts(self, inputs: Mapping[str, Any]) -> dict:
        return dict(inputs["data"])

    def run(self, out: Path, host: Host) -> dict:
        import numpy as np

        from seedream_core.data.balancing import pools
        from seedream_core.data.balancing.taxonomy import Taxonomy
        from seedream_core.data.loading.weights import above, capped
        from seedream_core.data.storage import rewrite
        from seedream_core.data.storage.stored_records import StoredRecords
        from seedream_core.workflow.artifact import digest, write_atomic
        from seedream_core.workflow.config import dump

        reader, tree, weak_words = rewrite.whole(self.data), Taxonomy.read(self.taxonomy), self._weak_words()
        self._check_examples(tree)
        nodes, members, found = self._place(StoredRecords(reader), tree, weak_words)
        even = capped(pools.mixed(members, self.mix), self.max_repeats)
        weights = [float(f"{weight:.6g}") for weight in even]

        def change(row: int, sample: Sample) -> Sample:
            tags = [PREFIX + tree.names[node] for node in nodes[row]]
            tags += [pools.PREFIX + pool for pool, inside in members.items() if inside[row] > 0]
            kept = (tag for tag in sample.tags if not tag.startswith((PREFIX, pools.PREFIX)))
            return replace(sample, weight=weights[row], tags=(*kept, *tags))

        given = [digest(path) if path else None for path in (self.taxonomy, self.weak)]
        rewrite.rewrite(
            reader,
            change,
            out,
            stage=self.path(),
            made_from=[dump(self), given],
            samples_per_shard=self.samples_per_shard,
        )
        coverage = tree.coverage(nodes, self.target)
        shares = pools.table(members, np.array(weights), lambda line: print(line, file=sys.stderr))
        _print_coverage(coverage)
        if warning := above(even, self.max_repeats):
            print(f"{warning}; a larger share of maintenance in `mix` draws others too", file=sys.stderr)
        report = {
            "samples": len(reader),
            "nodes": coverage,
            "pools": shares,
            "weak_words": list(weak_words),
            "found": found,
        }
        write_atomic(out / COVERAGE, json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        return {
            "samples": len(reader),
            "pools": shares,
            "found": found,
            "nodes": {
                "all": len(coverage),
                "empty": sum(not row["samples"] for row in coverage),
                "full": sum(not row["missing"] for row in coverage),
            },
        }

    def _weak_words(self) -> tuple[str, ...]:
        from seedream_core.data.balancing.pools import weak

        mined = weak(self.weak / "verdicts.jsonl") if self.weak else ()
        return tuple(dict.fromkeys((*self.weak_words, *mined)))

    def _check_examples(self, tree: "Taxonomy") -> None:
        """Refuses examples without features, and features without examples: each needs the other."""
        shown, name = any(node.examples for node in tree.nodes.values()), self.taxonomy or "the shipped taxonomy"
        if shown and not self.features:
            raise DataError(
                f"{name}: nodes have examples, but no features are given to compare pictures",
                "set features to a feature that curate measured, or remove the examples",
            )
        if self.features and not shown:
            raise UserError(
                f"features: {self.features!r} would not be used: no node of {name} has examples to compare "
                "pictures with",
                "leave features out, or give `taxonomy` a file whose nodes have `examples` (keys of samples)",
            )

    def _place(
        self, records: "StoredRecords", tree: "Taxonomy", weak_words: tuple[str, ...]
    ) -> "tuple[list[list[int]], dict[str, np.ndarray], dict[str, int]]":
        """The nodes of each sample, its weight in each pool, and how many samples were found by keywords and by image
        features.
        """
        import numpy as np

        from seedream_core.data.balancing import Crowd, pools
        from seedream_core.data.balancing.source import SourceBalance
        from seedream_core.data.balancing.taxonomy.phrases import Phrases

        targeted, count = Phrases(dict.fromkeys(weak_words, 0)), len(records)
        unseen, nodes, sources, base, good, is_targeted = (
            set(self.high_quality),
            [],
            [],
            np.empty(count),
            np.zeros(count, bool),
            np.zeros(count, bool),
        )
        for row, sample in enumerate(records):
            nodes.append(tree.said(sample.captions))
            sources.append(sys.intern(sample.source))
            base[row], good[row] = sample.weight, pools.at_least(sample, self.high_quality)
            unseen -= sample.scores.keys()
            is_targeted[row] = any(targeted.find(text) for texts in sample.captions.values() for text in texts.values())
        if unseen:
            raise UserError(
                f"high_quality: no sample of {self.data} has the score {', '.join(sorted(unseen))}",
                "curate's scorers write scores; `data inspect` shows a record",
            )
        found = {"by_words": sum(map(bool, nodes)), "by_looks": self._look(nodes, tree, records.reader.keys)}
        even = SourceBalance(alpha=self.alpha)(Crowd(base[:, None], [{}] * count, sources)).weights
        return (
            nodes,
            {
                "maintenance": base * even,
                "high_quality": base * good,
                "knowledge": base * pools.by_node(nodes, [node.target or self.target for node in tree.nodes.values()]),
                "targeted": base * is_targeted,
            },
            found,
        )

    def _look(self, nodes: list[list[int]], tree: "Taxonomy", keys: list[str]) -> int:
        """Adds the nodes whose examples a picture resembles; returns the number of samples that no keyword had
        assigned.
        """
        from seedream_core.data.storage import rewrite

        if not self.features:
            return 0
        placed = sum(map(bool, nodes))
        for node, rows in tree.shown(rewrite.features(self.data, self.features, len(keys)), keys).items():
            for row in rows:
                nodes[row] = sorted({*nodes[row], node})
        return sum(map(bool, nodes)) - placed


def _print_coverage(coverage: list[dict]) -> None:
    """Prints each branch, and the nodes that lack most."""
    print(f"{'node':<40}{'samples':>9}{'target':>9}{'missing':>9}", file=sys.stderr)
    branches = [row for row in coverage if "/" not in row["node"]]
    lacking = sorted(
        (row for row in coverage if "/" in row["node"] and row["missing"]), key=lambda row: -row["missing"]
    )
    for row in (*branches, *lacking[:SHOWN]):
        print(f"{row['node']:<40}{row['samples']:>9}{row['target']:>9}{row['missing']:>9}", file=sys.stderr)
    if len(lacking) > SHOWN:
        print(f"{len(lacking) - SHOWN} more nodes are short of their target: {COVERAGE} has them all", file=sys.stderr)
