"""The textual caption: strings that are written in a picture, in quotes, so that a glyph encoder can find them (Seedream 2.0).

Strings come from boxes of kind `text` (OCR), or from `truth.strings` of pictures that were rendered; in reading order.
"""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le

from seedream_core.data.captioners import Caption, Captioner
from seedream_core.data.told import Captions
from seedream_core.data.view import View
from seedream_core.host import Host


@dataclass(frozen=True, kw_only=True)
class Strings(Captioner):
    sure: Annotated[float, Ge(0), Le(1)] = 0.8
    """Least confidence of a box that is quoted."""
    most: Annotated[int, Ge(1)] = 12
    """Strings at most; a page of text is no caption."""

    def known(self) -> tuple[str, ...]:
        return ("textual",)

    def start(self, host: Host) -> Caption:
        return lambda views: [self._of(view) for view in views]

    def _of(self, view: View) -> Captions:
        strings = written(view, self.sure)
        if not strings or len(strings) > self.most:
            return {}
        english = ", ".join(f'"{text}"' for text in strings)
        chinese = "、".join(f"“{text}”" for text in strings)
        return {"en": {"textual": f"with the text {english}"}, "zh": {"textual": f"图中写着{chinese}"}}


def written(view: View, sure: float) -> list[str]:
    """Strings in the picture, top to bottom, then left to right."""
    truth = view.sample.truth
    if isinstance(truth, dict) and isinstance(truth.get("strings"), list):
        return [text for text in truth["strings"] if isinstance(text, str) and text.strip()]
    boxes = [box for box in (*view.sample.boxes, *view.boxes) if isinstance(box, dict) and box.get("kind") == "text"]
    sound = [box for box in boxes if isinstance(box.get("text"), str) and box["text"].strip() and box.get("score", 1) >= sure]
    return [box["text"].strip() for box in sorted(sound, key=lambda box: (round(box["box"][1], 2), box["box"][0]))]
