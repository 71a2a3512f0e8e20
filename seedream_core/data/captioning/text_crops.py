"""Prepares one sample for text rendering: crops watermarks away, drops unreadable lines, captions the picture with its
text (Seedream 2.0).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seedream_core.data.captioning.captioners.strings import StringsCaptioner, has_letters
from seedream_core.data.curation.lazy_sample import LazySample, sound
from seedream_core.data.images.pictures import packed
from seedream_core.errors import DataError
from seedream_core.workflow.host import Host

Box = tuple[float, float, float, float]
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Rules:
    """Requirements for a line of text, and the largest crop."""

    marks: tuple[str, ...]
    max_crop: float
    min_confidence: float
    min_height: int


def letter(view: LazySample, rules: Rules) -> tuple[dict[str, bytes] | None, str]:
    """The new members of the sample, or None and the reason why it is dropped.

    Lines are boxes of kind `text`, except confidently read ones without a letter or digit: those are shapes.
    """
    given = (*view.sample.boxes, *view.boxes)
    boxes = [box | {"box": _clipped(box["box"], WHOLE)} for box in sound(given)]
    if len(boxes) < len(given):
        wrong = next(box for box in given if not sound([box]))
        raise DataError(f"malformed box: {str(wrong)[:80]}")
    marks = [tuple(box["box"]) for box in boxes if box["kind"] in rules.marks]
    frame = around(marks)
    lost = 1 - (frame[2] - frame[0]) * (frame[3] - frame[1])
    if lost > rules.max_crop:
        return (
            None,
            f"marks: cropping {len(marks)} away would take {lost:.0%} of the picture, over {rules.max_crop:.0%}",
        )
    if frame != WHOLE and view.further:
        return None, f"tuple: {', '.join(view.further)} would not be cropped with its picture"
    texts = [box for box in boxes if box["kind"] == "text"]
    lines = [box for box in texts if not _shape(box, rules)]
    inside = [box for box in lines if _inside(box["box"], frame)]
    if any(_touches(box["box"], frame) for box in lines if box not in inside):
        return None, "marks: cropping them away would cut a line of text"
    height = view.size[1]
    clear = [
        box
        for box in inside
        if box.get("text", "").strip()
        and box.get("score", 1.0) >= rules.min_confidence
        and (box["box"][3] - box["box"][1]) * height >= rules.min_height
    ]
    if len(clear) < len(inside):
        poor = next(box for box in inside if box not in clear)
        return None, (
            f"poor line: {poor.get('text', '')[:20]!r} (confidence {poor.get('score', 1.0):.2f}, "
            f"{(poor['box'][3] - poor['box'][1]) * height:.0f} pixels high)"
        )
    if not clear:
        seen = ", ".join(repr(box["text"].strip()[:20]) for box in texts if box not in lines)
        return None, "no text in it" + f": {seen} has no letter or digit" * bool(seen)
    others = [box for box in boxes if box["kind"] not in (*rules.marks, "text") and _touches(box["box"], frame)]
    return _written(
        view,
        frame,
        [box | {"box": _moved(_clipped(box["box"], frame), frame)} for box in (*clear, *others)],
        rules.min_confidence,
    )


def around(marks: Sequence[Box]) -> Box:
    """The area of the picture that remains when each mark is cut off on the side where that costs least."""
    left, top, right, bottom = WHOLE
    for mark in marks:
        if mark[0] >= right or mark[2] <= left or mark[1] >= bottom or mark[3] <= top:
            continue
        cuts = {
            (max(left, mark[2]), top, right, bottom),
            (left, max(top, mark[3]), right, bottom),
            (left, top, min(right, mark[0]), bottom),
            (left, top, right, min(bottom, mark[1])),
        }
        left, top, right, bottom = max(sorted(cuts), key=lambda cut: (cut[2] - cut[0]) * (cut[3] - cut[1]))
    return left, top, right, bottom


def _written(
    view: LazySample, frame: Box, boxes: list[dict[str, Any]], min_confidence: float
) -> tuple[dict[str, bytes] | None, str]:
    members: Mapping[str, bytes] = view.members
    sample = replace(view.sample, boxes=tuple(boxes))
    if frame != WHOLE:
        height, width, _ = view.pixels.shape
        # Rounded inwards to whole pixels, so that no pixel of a mark stays.
        left, top = int(np.ceil(frame[0] * width)), int(np.ceil(frame[1] * height))
        cut = view.pixels[top : max(top + 1, int(frame[3] * height)), left : max(left + 1, int(frame[2] * width))]
        members = {"png": packed(cut)}
        # Truth and scores describe the whole picture.
        sample = replace(sample, width=cut.shape[1], height=cut.shape[0], truth=None, scores={})
    captioner = StringsCaptioner(min_confidence=min_confidence)
    (quoted,) = captioner.start(Host())([LazySample(sample)])
    if not quoted:
        return None, f"much text: over the {captioner.max_strings} strings of a caption"
    captions = {
        language: {**sample.captions.get(language, {}), **quoted.get(language, {})}
        for language in {**sample.captions, **quoted}
    }
    return {
        **{name: data for name, data in members.items() if name != "json"},
        "json": replace(sample, captions=captions).to_json(),
    }, ""


def _shape(box: Mapping[str, Any], rules: Rules) -> bool:
    text = box.get("text", "").strip()
    return bool(text) and not has_letters(text) and box.get("score", 1.0) >= rules.min_confidence


def _inside(box: Sequence[float], frame: Box) -> bool:
    return box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]


def _touches(box: Sequence[float], frame: Box) -> bool:
    return box[0] < frame[2] and box[2] > frame[0] and box[1] < frame[3] and box[3] > frame[1]


def _clipped(box: Sequence[float], frame: Box) -> list[float]:
    """The part of the box inside the frame."""
    return [min(max(side, frame[number % 2]), frame[number % 2 + 2]) for number, side in enumerate(box)]


def _moved(box: Sequence[float], frame: Box) -> list[float]:
    """The box in shares of the cropped picture."""
    wide, high = frame[2] - frame[0], frame[3] - frame[1]
    return [
        round(side, 4)
        for side in (
            (box[0] - frame[0]) / wide,
            (box[1] - frame[1]) / high,
            (box[2] - frame[0]) / wide,
            (box[3] - frame[1]) / high,
        )
    ]
