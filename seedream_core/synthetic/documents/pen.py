"""Drawing primitives for documents: count the marks drawn, and refuse text that overflows or touches other text.

Shapes are drawn at twice the size and reduced; text comes last and upright pixels are left as the font gives them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from seedream_core.errors import UserError
from seedream_core.randomness import Rng
from seedream_core.synthetic.documents import Crowded

SCALE = 2
LEAST = 8
"""Height of the smallest text in pixels; the built-in font is illegible below it."""
CHINESE_LEAST = 11
CHINESE_FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/System/Library/Fonts/PingFang.ttc",
    "C:/Windows/Fonts/msyh.ttc",
)
COLORS = {
    "blue": ("蓝色", (45, 105, 200)),
    "red": ("红色", (205, 60, 55)),
    "green": ("绿色", (50, 145, 75)),
    "orange": ("橙色", (230, 130, 30)),
    "purple": ("紫色", (130, 80, 180)),
    "cyan": ("青色", (35, 165, 180)),
    "pink": ("粉色", (225, 110, 165)),
    "brown": ("棕色", (135, 90, 60)),
    "yellow": ("黄色", (215, 180, 30)),
    "gray": ("灰色", (130, 130, 130)),
}
BACKGROUNDS = {
    "white": ("白色", (255, 255, 255)),
    "cream": ("米色", (250, 244, 228)),
    "light gray": ("浅灰色", (240, 241, 243)),
    "light blue": ("浅蓝色", (232, 241, 250)),
    "dark": ("深色", (30, 33, 42)),
}

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Face:
    """A font at any size; without a path, Pillow's built-in font (Latin only)."""

    path: str = ""
    least: int = LEAST

    def at(self, pixels: int) -> ImageFont.FreeTypeFont:
        return _font(self.path, pixels)

    def missing(self, text: str) -> str:
        """The characters that the font lacks."""
        return "".join(sorted({one for one in text if not one.isspace() and not _has(self.path, one)}))


def latin(path: str = "") -> Face:
    return _checked(path, "Aa09%") if path else Face()


def chinese(path: str = "") -> Face:
    """A font with Chinese characters: the given file, or the first one found in CHINESE_FONTS."""
    found = path or next((place for place in CHINESE_FONTS if Path(place).is_file()), "")
    if not found:
        raise UserError(
            f"font: Chinese text needs a font that has it, and none is at {', '.join(CHINESE_FONTS)}",
            "install fonts-noto-cjk, or give the path of such a font with `font`; or set `chinese` to 0",
        )
    return _checked(found, "各月降雨量标题开始结束登录用户名密码", CHINESE_LEAST)


def _checked(path: str, text: str, least: int = LEAST) -> Face:
    face = Face(path, least)
    try:
        missing = face.missing(text)
    except OSError as error:
        raise UserError(
            f"font: {path} cannot be read as a font ({error})", "a TrueType or OpenType file is needed"
        ) from None
    if missing:
        raise UserError(
            f"font: {path} has no {missing}", "give a font that has them, such as Noto Sans CJK for Chinese"
        )
    return face


@dataclass(frozen=True)
class Theme:
    name: str
    paper: tuple[int, int, int]
    ink: tuple[int, int, int]
    faint: tuple[int, int, int]
    """Colour of rules and background fills."""

    @staticmethod
    def drawn(draw: Rng) -> "Theme":
        name = draw.choice(("white", "white", *BACKGROUNDS))
        paper = BACKGROUNDS[name][1]
        dark = name == "dark"
        ink = (235, 235, 235) if dark else draw.choice(((20, 20, 20), (40, 40, 60), (60, 50, 40)))
        return Theme(name, paper, ink, tuple(round(0.82 * p + 0.18 * i) for p, i in zip(paper, ink)))

    def called(self, language: str) -> str:
        return self.name if language == "en" else BACKGROUNDS[self.name][0]


class Pen:
    def __init__(self, size: tuple[int, int], theme: Theme, face: Face) -> None:
        self.size, self.theme, self.face = size, theme, face
        self.marks = 0
        self.texts: list[tuple[str, tuple[int, int, int, int]]] = []
        self._later: list[tuple[tuple[int, int], Image.Image, tuple[int, int, int]]] = []
        self._canvas = Image.new("RGB", (size[0] * SCALE, size[1] * SCALE), theme.paper)
        self._draw = ImageDraw.Draw(self._canvas)

    def width(self, text: str, pixels: int) -> float:
        left, _, right, _ = self.face.at(pixels).getbbox(text, anchor="ls")
        return right - min(left, 0)

    def fit(self, texts: Sequence[str], width: float, most: int, height: float = math.inf) -> int:
        """The largest size up to `most` at which each text fits; Crowded where even the smallest does not."""
        longest = max(texts, key=lambda text: self.width(text, 20), default="")
        for pixels in range(min(most, int(height / 1.2) if height < 1e4 else most), self.face.least - 1, -1):
            if self.width(longest, pixels) <= width:
                return pixels
        raise Crowded(longest)

    def write(
        self,
        text: str,
        x: float,
        y: float,
        pixels: int,
        anchor: str = "lm",
        *,
        within: Box | None = None,
        color: tuple[int, int, int] | None = None,
        turned: bool = False,
    ) -> Box:
        """Write text at a place; Crowded where it would leave its box (or the picture) or touch earlier text."""
        mask, left, top = _text(self.face, text, pixels, anchor, turned)
        return self.stamp(
            text,
            mask,
            round(x) + left,
            round(y) + top,
            sum(not one.isspace() for one in text),
            within=within,
            color=color,
        )

    def stamp(
        self,
        text: str,
        mask: Image.Image,
        left: int,
        top: int,
        marks: int,
        *,
        within: Box | None = None,
        color: tuple[int, int, int] | None = None,
    ) -> Box:
        box = (left, top, left + mask.width, top + mask.height)
        bounds = within or (0, 0, *self.size)
        if box[0] < bounds[0] or box[1] < bounds[1] or box[2] > bounds[2] or box[3] > bounds[3]:
            raise Crowded(text)
        if any(
            box[0] < right + 1 and left < box[2] + 1 and box[1] < bottom and top < box[3]
            for _, (left, top, right, bottom) in self.texts
        ):
            raise Crowded(text)
        self.texts.append((text, box))
        self._later.append(((left, top), mask, color or self.theme.ink))
        self.marks += marks
        return box

    def line(self, points: Sequence[tuple[float, float]], color=None, thick: float = 1.0) -> None:
        """Draw a line; each segment is one mark."""
        places = [(x * SCALE, y * SCALE) for x, y in points]
        self._draw.line(places, color or self.theme.ink, max(1, round(thick * SCALE)), joint="curve")
        self.marks += len(points) - 1

    def box(self, box: Box, fill=None, outline=None, thick: float = 1.0, radius: float = 0) -> None:
        self._draw.rounded_rectangle(
            _scaled(box), radius * SCALE, fill, outline, max(1, round(thick * SCALE)) if outline else 0
        )
        self.marks += 1

    def oval(self, box: Box, fill=None, outline=None, thick: float = 1.0) -> None:
        self._draw.ellipse(_scaled(box), fill, outline, max(1, round(thick * SCALE)) if outline else 0)
        self.marks += 1

    def slice(self, box: Box, start: float, end: float, fill) -> None:
        self._draw.pieslice(_scaled(box), start, end, fill, self.theme.paper, SCALE)
        self.marks += 1

    def polygon(self, points: Sequence[tuple[float, float]], fill=None, outline=None, thick: float = 1.0) -> None:
        self._draw.polygon([(x * SCALE, y * SCALE) for x, y in points], fill, outline, max(1, round(thick * SCALE)))
        self.marks += 1

    def arrow(
        self, start: tuple[float, float], end: tuple[float, float], color=None, thick: float = 1.0, head: float = 5.0
    ) -> None:
        """Draw a line with a head, which is one mark."""
        length = math.dist(start, end) or 1.0
        along = ((end[0] - start[0]) / length, (end[1] - start[1]) / length)
        neck = (end[0] - head * along[0], end[1] - head * along[1])
        aside = (0.5 * head * along[1], -0.5 * head * along[0])
        self.line([start, neck], color, thick)
        tips = [end, (neck[0] + aside[0], neck[1] + aside[1]), (neck[0] - aside[0], neck[1] - aside[1])]
        self._draw.polygon([(x * SCALE, y * SCALE) for x, y in tips], color or self.theme.ink)

    def finish(self) -> Image.Image:
        picture = self._canvas.reduce(SCALE)
        for place, mask, color in self._later:
            picture.paste(color, (*place, place[0] + mask.width, place[1] + mask.height), mask)
        return picture


def _scaled(box: Box) -> tuple[int, ...]:
    """A box in Pillow's form, which includes its last pixel (ours ends before it), at least one pixel wide."""
    left, top, right, bottom = (round(edge * SCALE) for edge in box)
    return left, top, max(left, right - 1), max(top, bottom - 1)


def _text(face: Face, text: str, pixels: int, anchor: str, turned: bool) -> tuple[Image.Image, int, int]:
    """The mask of a text, and the offset of its corner from the anchor."""
    font = face.at(pixels)
    left, top, right, bottom = font.getbbox(text, anchor=anchor)
    mask = Image.new("L", (max(1, math.ceil(right - left)), max(1, math.ceil(bottom - top))))
    ImageDraw.Draw(mask).text((-left, -top), text, 255, font, anchor=anchor)
    if not turned:
        return mask, math.floor(left), math.floor(top)
    return mask.transpose(Image.Transpose.ROTATE_90), math.floor(top), math.floor(-right)


@lru_cache(maxsize=256)
def _font(path: str, pixels: int) -> ImageFont.FreeTypeFont:
    # The basic layout: the same on machines with and without raqm.
    if path:
        return ImageFont.truetype(path, pixels, layout_engine=ImageFont.Layout.BASIC)
    return ImageFont.load_default(pixels).font_variant(layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=8192)
def _has(path: str, letter: str) -> bool:
    """Whether a font has a letter: a missing one is drawn as the same box as a code point that no font has."""
    shape, lacking = (np.asarray(_font(path, 24).getmask(one)) for one in (letter, "\U0010fffd"))
    return not np.array_equal(shape, lacking)
