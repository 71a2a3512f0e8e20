"""Negative captions for each picture, random or most similar, to calibrate and test a dual encoder (our choice)."""

from collections.abc import Mapping, Sequence

import numpy as np

from seedream_core.randomness import fraction

Languages = Mapping[str, Mapping[str, str]]


def every_caption(languages: Languages) -> list[str]:
    """All texts of a sample, in a fixed order."""
    return [text for _, fields in sorted(languages.items()) for _, text in sorted(fields.items()) if text.strip()]


def main_caption(languages: Languages) -> str:
    """The main caption of a sample: the short one, or else the first, of its first language."""
    fields = next(
        (fields for _, fields in sorted(languages.items()) if any(text.strip() for text in fields.values())), {}
    )
    return fields.get("short", "").strip() or next((text for _, text in sorted(fields.items()) if text.strip()), "")


def random_negatives(main: Sequence[str], seed: int) -> list[int | None]:
    """For each sample another one, drawn among those with a different main caption; None if all are the same."""
    found: list[int | None] = []
    for row, text in enumerate(main):
        start = int(fraction(seed, str(row), 0, "stranger") * len(main))
        found.append(
            next(
                (other % len(main) for other in range(start, start + len(main)) if main[other % len(main)] != text),
                None,
            )
        )
    return found


def similar_negatives(main: Sequence[str], words: Sequence[Sequence[int]]) -> list[int | None]:
    """For each sample the one that shares most words, among those with a different main caption; None if all captions
    are the same.

    Compares all with all: suitable for thousands of samples, not for millions.
    """
    present = np.zeros((len(main), 1 + max((max(ids, default=0) for ids in words), default=0)), np.float32)
    for row, ids in enumerate(words):
        present[row, list(ids)] = 1
    shared, each = present @ present.T, present.sum(1)
    likeness = shared / np.maximum(1, each[:, None] + each[None] - shared)
    texts = np.array(main, object)
    found: list[int | None] = []
    for row, text in enumerate(main):
        others = np.flatnonzero(texts != text)
        found.append(int(others[likeness[row, others].argmax()]) if len(others) else None)
    return found
