"""The bad-sample budget: stops a stage when too large a share of its input is bad."""

from collections.abc import Mapping
from pathlib import Path

from seedream_core.errors import DataError


def check(fates: Mapping[str, int], total: int, most: float, data: Path, out: Path) -> None:
    """DataError if more than the share `most` of all samples is quarantined so far."""
    if (bad := fates.get("quarantined", 0)) > most * total:
        raise DataError(
            f"{data}: {bad} of {total} samples are unreadable, over the budget of {most:.2%}; see "
            f"{out / 'fates.jsonl'}",
            "run data/curate on it first, or accept the loss with a larger bad_budget",
        )
