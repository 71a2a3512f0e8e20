"""A taxonomy: a tree of concepts with keywords in English and Chinese, and the samples that show each (Seedream 2.0,
knowledge injection).

A YAML file holds the tree: `nodes: {name: {en: [...], zh: [...], but: [...], target: N, examples: [...], nodes:
{...}}}`. `but` names phrases that contain a keyword and mean something else ("hot dog"), `examples` keys of samples
that show the node, by which pictures without the words are found. `culture.yaml` beside this file is used where no
other is given.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Ge

from seedream_core.data.balancing.taxonomy.phrases import Phrases, forms
from seedream_core.errors import DataError
from seedream_core.workflow.config import Config, load_yaml, parse

SHIPPED = Path(__file__).with_name("culture.yaml")
LEAST_EXAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class Node(Config):
    en: tuple[str, ...] = ()
    zh: tuple[str, ...] = ()
    but: tuple[str, ...] = ()
    target: Annotated[int, Ge(1)] | None = None
    examples: tuple[str, ...] = ()
    nodes: dict[str, "Node"] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Tree(Config):
    nodes: dict[str, Node]


class Taxonomy:
    """The nodes of a tree in order, parents first, named by their paths: `folk/opera`."""

    def __init__(self, tree: Tree) -> None:
        self.nodes: dict[str, Node] = dict(_flat(tree.nodes, ""))
        if not self.nodes:
            raise ValueError("nodes: a taxonomy needs at least one")
        self.names = tuple(self.nodes)
        place = {name: number for number, name in enumerate(self.names)}
        self.above = tuple(place.get(name.rpartition("/")[0], -1) for name in self.names)
        words: dict[str, int] = {}
        found: dict[tuple[str, ...], str] = {}
        for number, (name, node) in enumerate(self.nodes.items()):
            for word in (*node.en, *node.zh):
                for form in forms(word):
                    other = found.setdefault(form, word)
                    if words.get(other, number) != number:
                        alike = (
                            f" (as {other!r}: both are found where a caption says {' '.join(form)!r})"
                            if other != word
                            else ""
                        )
                        raise ValueError(
                            f"nodes: {word!r} is a word of {self.names[words[other]]} and of {name}{alike}; keep "
                            "it at one"
                        )
                words[word] = number
        self._phrases = Phrases(words, (phrase for node in self.nodes.values() for phrase in node.but))

    @classmethod
    def read(cls, path: Path | None = None) -> "Taxonomy":
        document = load_yaml(path or SHIPPED)
        tree = parse(Tree, document.tree, document=document)
        try:
            return cls(tree)
        except ValueError as error:
            raise DataError(f"{path or SHIPPED}: {error}") from None

    def said(self, captions: Mapping[str, Mapping[str, str]]) -> list[int]:
        """The nodes that any caption mentions, in the tree's order."""
        return sorted(
            {node for fields in captions.values() for text in fields.values() for node in self._phrases.find(text)}
        )

    def shown(self, features: np.ndarray, keys: Sequence[str]) -> dict[int, list[int]]:
        """Rows similar to a node's examples; a node without examples has none."""
        places = {key: row for row, key in enumerate(keys)}
        found = {}
        for number, (name, node) in enumerate(self.nodes.items()):
            if node.examples:
                if missing := [key for key in node.examples if key not in places]:
                    raise DataError(
                        f"{name}: its example {missing[0]} is not a sample of this data",
                        "name keys of samples, as `data inspect` shows them",
                    )
                if len(node.examples) < LEAST_EXAMPLES:
                    raise DataError(
                        f"{name}: {len(node.examples)} examples are too few to estimate how similar its pictures are",
                        f"give at least {LEAST_EXAMPLES}",
                    )
                found[number] = alike(features, [places[key] for key in node.examples])
        return found

    def coverage(self, rows: Sequence[Iterable[int]], target: int) -> list[dict]:
        """For each node: how many samples show it or a node below it, its target, and how many are missing."""
        own, all_ = np.zeros(len(self.names), int), np.zeros(len(self.names), int)
        for nodes in rows:
            own[list(nodes)] += 1
            all_[list({one for node in nodes for one in self.line(node)})] += 1
        wanted = [node.target or target for node in self.nodes.values()]
        return [
            {
                "node": name,
                "samples": int(all_[i]),
                "own": int(own[i]),
                "target": wanted[i],
                "missing": max(0, wanted[i] - int(all_[i])),
            }
            for i, name in enumerate(self.names)
        ]

    def line(self, node: int) -> list[int]:
        """The node and its ancestors."""
        line = []
        while node >= 0:
            line.append(node)
            node = self.above[node]
        return line


def alike(features: np.ndarray, examples: Sequence[int]) -> list[int]:
    """Rows that are as close to the mean direction of the examples as the farthest example is to the mean of the
    others.

    For n examples drawn like the pictures sought, this finds about n / (n + 1) of them. The mean of all samples is
    subtracted first: otherwise the angles between embeddings are all small.
    """
    vectors = np.asarray(features, np.float32)
    vectors = vectors - vectors.mean(0)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    chosen = vectors[list(examples)]
    others = (chosen.sum(0) - chosen) / (len(chosen) - 1)
    least = float(((chosen * others).sum(1) / np.maximum(np.linalg.norm(others, axis=1), 1e-9)).min())
    middle = chosen.mean(0) / max(float(np.linalg.norm(chosen.mean(0))), 1e-9)
    near = vectors @ middle >= least
    near[list(examples)] = True
    return np.flatnonzero(near).tolist()


def _flat(nodes: Mapping[str, Node], above: str) -> Iterable[tuple[str, Node]]:
    for name, node in nodes.items():
        if not name or "/" in name:
            raise ValueError(f"nodes: {name!r} is not a valid node name: use a word without a slash")
        yield above + name, node
        yield from _flat(node.nodes, f"{above}{name}/")
