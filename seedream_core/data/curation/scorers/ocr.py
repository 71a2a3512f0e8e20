"""Scorer of text in pictures, read by rapidocr (PP-OCR; Chinese, English, horizontal and vertical): each line is a box
with its string.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Le

from seedream_core.data.curation.lazy_sample import LazySample
from seedream_core.data.curation.scorers import Score, Scorer
from seedream_core.extras import extra

LONGEST = 512
"""Largest number of characters kept of a line."""
BYTES = 24 * 1024
"""Largest share of a record's 64 KiB used for lines, in bytes: about 200 lines."""


@dataclass(frozen=True, kw_only=True)
class OcrScorer(Scorer):
    gives: ClassVar[tuple[str, ...]] = ("text_area", "text_confidence")
    renamed: ClassVar[Mapping[str, str]] = {"sure": "min_confidence"}
    min_confidence: Annotated[float, Ge(0), Le(1)] = 0.5
    """Minimum confidence of a line."""

    def start(self, models: Mapping[str, Path]) -> Score:
        engine = extra("rapidocr", "ocr", "scorer ocr").RapidOCR(
            params={
                "Global.log_level": "error",
                "Global.text_score": self.min_confidence,
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            }
        )

        def score(views: Sequence[LazySample]) -> None:
            for view in views:
                lines = read(engine, view.pixels)
                view.boxes += fitting(lines)
                view.scores["text_area"] = round(min(1.0, sum(_area(line["box"]) for line in lines)), 4)
                view.scores["text_confidence"] = round(min((line["score"] for line in lines), default=1.0), 4)

        return score


def read(engine: Any, pixels: np.ndarray) -> list[dict[str, Any]]:
    """Lines of text as `{"kind": "text", "box": …, "score": …, "text": …}`, from top to bottom."""
    found = engine(np.ascontiguousarray(pixels[..., ::-1]))  # rapidocr expects BGR
    if found.boxes is None:
        return []
    height, width, _ = pixels.shape
    lines = []
    for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True):
        (left, top), (right, bottom) = np.min(corners, axis=0), np.max(corners, axis=0)
        box = [
            round(float(min(1, max(0, side))), 4)
            for side in (left / width, top / height, right / width, bottom / height)
        ]
        lines.append({"kind": "text", "box": box, "score": round(float(score), 4), "text": text[:LONGEST]})
    return sorted(lines, key=lambda line: (line["box"][1], line["box"][0]))


def fitting(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The largest lines that fit into a record, in their order: a page of small print must not make the record too
    large.
    """
    room, chosen = BYTES, set()
    for place in sorted(range(len(lines)), key=lambda place: -_area(lines[place]["box"])):
        room -= len(json.dumps(lines[place], ensure_ascii=False).encode("utf-8", "replace"))
        if room < 0:
            break
        chosen.add(place)
    return [line for place, line in enumerate(lines) if place in chosen]


def _area(box: Sequence[float]) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])
