"""Captioner of text in pictures: quotes the strings that OCR found or that were drawn, so that a glyph encoder can find
them (Seedream 2.0).

Strings come from boxes of kind `text` (OCR), or from `truth.texts` of drawn pictures (`[text, [box in pixels]]`), in
reading order. An OCR result without a letter or digit is a shape, not text: a star is read as "★", crosses as "++".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Le

from seedream_core.data.captioning.captioners import Caption, Captioner
from seedream_core.data.curation.lazy_sample import LazySample, sound
from seedream_core.data.sources.raw_captions import Captions
from seedream_core.workflow.host import Host

TURNED = 1.5
"""Ratio of height to width from which a line of two letters or more is vertical."""


@dataclass(frozen=True, kw_only=True)
class StringsCaptioner(Captioner):
    renamed: ClassVar[Mapping[str, str]] = {"sure": "min_confidence", "most": "max_strings"}
    min_confidence: Annotated[float, Ge(0), Le(1)] = 0.8
    """Minimum confidence of a quoted box."""
    max_strings: Annotated[int, Ge(1)] = 12
    """Maximum number of strings: a page of text does not make a caption."""

    def known(self) -> tuple[str, ...]:
        return ("textual",)

    def start(self, host: Host) -> Caption:
        return lambda views: [self._of(view) for view in views]

    def _of(self, view: LazySample) -> Captions:
        strings = written(view, self.min_confidence)
        if not strings or len(strings) > self.max_strings:
            return {}
        english = ", ".join(f'"{text}"' for text in strings)
        chinese = "、".join(f"“{text}”" for text in strings)
        return {"en": {"textual": f"with the text {english}"}, "zh": {"textual": f"图中写着{chinese}"}}


def written(view: LazySample, min_confidence: float) -> list[str]:
    """Strings in the picture, in reading order."""
    truth = view.sample.truth
    if isinstance(truth, dict) and isinstance(truth.get("texts"), list):
        pairs = [one for one in truth["texts"] if isinstance(one, (list, tuple)) and len(one) == 2]
        lines = [
            box
            for box in sound({"kind": "text", "text": text, "box": box} for text, box in pairs)
            if box["text"].strip()
        ]
    else:
        boxes = sound((*view.sample.boxes, *view.boxes))
        lines = [
            box | {"box": [side * length for side, length in zip(box["box"], 2 * view.size, strict=True)]}
            for box in boxes
            if box["kind"] == "text" and has_letters(box.get("text", "")) and box.get("score", 1) >= min_confidence
        ]
    return [box["text"].strip() for box in in_order(lines)]


def has_letters(text: str) -> bool:
    """Whether the text has a letter or a digit of any script."""
    return any(map(str.isalnum, text))


def in_order(boxes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sorts lines with boxes in pixels row by row from the top, each row from the left.

    A row holds the lines whose middle lies within the height of the row's first box; comparing tops does not work,
    because those of "tea" and "Tea" in one table row differ. A vertical line is a row of its own.
    """
    rows = [[box] for box in boxes if _turned(box)]
    last = None
    for box in sorted((box for box in boxes if not _turned(box)), key=_middle):
        if last and last[0]["box"][1] <= _middle(box) <= last[0]["box"][3]:
            last.append(box)
        else:
            rows.append(last := [box])
    return [
        box
        for row in sorted(rows, key=lambda row: _middle(row[0]))
        for box in sorted(row, key=lambda box: box["box"][0])
    ]


def _middle(box: dict[str, Any]) -> float:
    return (box["box"][1] + box["box"][3]) / 2


def _turned(box: dict[str, Any]) -> bool:
    """Whether a line of several letters is vertical."""
    left, top, right, bottom = box["box"]
    return len(box["text"].strip()) > 1 and bottom - top > TURNED * (right - left)
