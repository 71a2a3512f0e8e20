"""The text-rendering branch of one sample: marks are cropped away, poor lines dropped, the picture captioned anew (Seedream 2.0)."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from seedream_core.data.captioners.strings import Strings
from seedream_core.data.view import View
from seedream_core.host import Host
from seedream_core.records import Sample

Box = tuple[float, float, float, float]
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Rules:
    """What a line must be to teach how text is drawn, and what may be cut for it."""

    marks: tuple[str, ...]
    crop_most: float
    sure: float
    least_height: int


def letter(view: View, rules: Rules) -> tuple[dict[str, bytes] | None, str]:
    """The sample's new members, or None and why it teaches nothing. Lines are boxes of kind `text`."""
    boxes = [box for box in (*view.sample.boxes, *view.boxes) if isinstance(box, dict) and "box" in box]
    marks = [tuple(box["box"]) for box in boxes if box.get("kind") in rules.marks]
    frame = around(marks)
    lost = 1 - (frame[2] - frame[0]) * (frame[3] - frame[1])
    if lost > rules.crop_most:
        return None, f"cropping its {len(marks)} marks away would take {lost:.0%} of the picture, over {rules.crop_most:.0%}"
    lines = [box for box in boxes if box.get("kind") == "text"]
    inside = [box for box in lines if _inside(box["box"], frame)]
    if any(_touches(box["box"], frame) for box in lines if box not in inside):
        return None, "cropping its marks away would cut a line of text"
    height = view.size[1]
    sound = [box for box in inside if box.get("text", "").strip() and box.get("score", 1.0) >= rules.sure
             and (box["box"][3] - box["box"][1]) * height >= rules.least_height]
    if len(sound) < len(inside):
        poor = next(box for box in inside if box not in sound)
        return None, f"the line {poor.get('text', '')[:20]!r} is poor (confidence {poor.get('score', 1.0):.2f}, {(poor['box'][3] - poor['box'][1]) * height:.0f} pixels high)"
    if not sound:
        return None, "no text in it"
    return _written(view, frame, [box | {"box": _moved(box["box"], frame)} for box in sound]), ""


def around(marks: Sequence[Box]) -> Box:
    """The picture without its marks: each is cut off on the side where that costs least."""
    left, top, right, bottom = WHOLE
    for mark in marks:
        if mark[0] >= right or mark[2] <= left or mark[1] >= bottom or mark[3] <= top:
            continue
        cuts = {(max(left, mark[2]), top, right, bottom), (left, max(top, mark[3]), right, bottom),
                (left, top, min(right, mark[0]), bottom), (left, top, right, min(bottom, mark[1]))}
        left, top, right, bottom = max(sorted(cuts), key=lambda cut: (cut[2] - cut[0]) * (cut[3] - cut[1]))
    return left, top, right, bottom


def _written(view: View, frame: Box, lines: list[dict[str, Any]]) -> dict[str, bytes]:
    members: Mapping[str, bytes] = view.members
    sample = replace(view.sample, boxes=tuple(lines))
    if frame != WHOLE:
        height, width, _ = view.pixels.shape
        # Inwards to whole pixels: no pixel of a mark stays.
        left, top = int(np.ceil(frame[0] * width)), int(np.ceil(frame[1] * height))
        cut = view.pixels[top:max(top + 1, int(frame[3] * height)), left:max(left + 1, int(frame[2] * width))]
        data = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(cut)).save(data, "PNG", compress_level=1)
        members = {"png": data.getvalue()}
        sample = replace(sample, width=cut.shape[1], height=cut.shape[0])
    (told,) = Strings().start(Host())([View(sample)])
    captions = {language: {**sample.captions.get(language, {}), **told.get(language, {})} for language in {**sample.captions, **told}}
    return {**{name: data for name, data in members.items() if name != "json"}, "json": replace(sample, captions=captions).to_json()}


def _inside(box: Sequence[float], frame: Box) -> bool:
    return box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]


def _touches(box: Sequence[float], frame: Box) -> bool:
    return box[0] < frame[2] and box[2] > frame[0] and box[1] < frame[3] and box[3] > frame[1]


def _moved(box: Sequence[float], frame: Box) -> list[float]:
    """The box in shares of the cropped picture."""
    wide, high = frame[2] - frame[0], frame[3] - frame[1]
    return [round(side, 4) for side in ((box[0] - frame[0]) / wide, (box[1] - frame[1]) / high, (box[2] - frame[0]) / wide, (box[3] - frame[1]) / high)]
