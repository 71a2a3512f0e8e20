"""Reads a file of concepts to retrieve: a YAML list, or JSON lines, one mapping per concept.

- concept: hanfu
  texts: [a woman in hanfu, 穿汉服的女子]   # in either language
  examples: [a1b2-0000017]                  # keys of samples in the data
  count: 200                                # how many to take; else the stage's
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge

from seedream_core.errors import DataError, UserError
from seedream_core.records import load_json
from seedream_core.workflow.config import Config, load_yaml, parse


@dataclass(frozen=True, kw_only=True)
class Concept(Config):
    concept: str
    """Name of the concept; samples are tagged `concept:NAME`."""
    texts: tuple[str, ...] = ()
    """Texts for the concept, in either language, as captions would say it."""
    examples: tuple[str, ...] = ()
    """Keys of samples that show the concept."""
    count: Annotated[int, Ge(1)] | None = None
    """Number of samples to retrieve; not set means the stage's number."""

    def __post_init__(self) -> None:
        if not self.concept.strip() or not self.concept.isprintable():
            raise ValueError(f"concept: {self.concept[:40]!r} is not a valid name")
        if not any(text.strip() for text in self.texts) and not self.examples:
            raise ValueError(f"{self.concept}: give texts or examples to search by")


def read_concepts(path: Path) -> tuple[Concept, ...]:
    """Reads all concepts of a file; UserError or DataError with the place of the error."""
    if not path.is_file():
        raise UserError(f"{path}: no such file", "a .yaml or .jsonl of concepts is needed: concept, texts, examples")
    if path.suffix == ".jsonl":
        found = tuple(_lines(path))
    else:
        document = load_yaml(path)
        if not isinstance(document.tree, list):
            raise UserError(f"{path}: a list of concepts is needed", "begin each with `- concept: NAME`")
        found = tuple(
            parse(Concept, tree, document=document, prefix=(place,)) for place, tree in enumerate(document.tree)
        )
    if not found:
        raise UserError(f"{path}: no concepts found")
    names = [one.concept for one in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{path}: {twice[0]} is listed twice", "put its texts and examples together")
    return found


def _lines(path: Path) -> Iterable[Concept]:
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line.strip():
            try:
                yield parse(Concept, _mapping(load_json(line)))
            except (DataError, UserError) as error:
                raise UserError(f"{path}:{number}: {error}") from None


def _mapping(tree: Any) -> dict:
    if not isinstance(tree, dict):
        raise DataError("not a mapping")
    return tree
