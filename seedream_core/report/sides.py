"""One self-contained page of a comparison: prompts down, models across, each with the judges' verdicts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedream_core.report.pictures import Picture, embed, inline
from seedream_core.report.render import render

if TYPE_CHECKING:
    from seedream_core.evaluation.suites import SuiteItem

REFERENCE = 320
"""Pixels of a reference's longer side on the page."""


def page(folder: Path, lines: Sequence[Mapping[str, Any]], items: "Sequence[SuiteItem]") -> str:
    """The page, from rows of `scores.jsonl`; prompts without stored pictures are left out."""
    cells = {(line["set"], line["index"], line["row"]): line for line in lines}
    names = list(dict.fromkeys(line["row"] for line in lines))
    rows = []
    for item in items:
        found = [cells[item.set, item.index, name] for name in names]
        if found[0]["file"]:
            rows.append(
                {
                    "item": item,
                    "references": [_reference(path) for path in item.references],
                    "differ": len({line["score"] for line in found}) > 1,
                    "cells": [line | {"image": embed(folder / line["file"])} for line in found],
                }
            )
    judged = any(line["score"] is not None for line in lines)
    context = {"name": folder.name, "names": names, "rows": rows, "judged": judged, "versions": {}}
    return render("sides.html", context)


def _reference(path: Path) -> Picture:
    import numpy as np
    from PIL import Image

    with Image.open(path) as image:
        return inline(np.asarray(image.convert("RGB")), REFERENCE)
