"""Text and brush layers for defects: letters of Pillow's built-in font, and strokes that look like Chinese characters
without a font.
"""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from seedream_core.randomness import Rng
from seedream_core.synthetic.defects import Box

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
SYLLABLES = (
    "ka",
    "to",
    "mi",
    "ren",
    "sol",
    "ver",
    "an",
    "pix",
    "al",
    "do",
    "photo",
    "st",
    "ock",
    "art",
    "gra",
    "el",
    "in",
    "shu",
    "lo",
    "be",
)
FORMS = ("{}", "{}", "© {}", "{}.com", "www.{}.cn", "@{}", "{} 2024", "{} {}", "{} {} {}", "{}, {}!")
FINE = 3  # layers are drawn this many times larger and then reduced, for smooth edges
SEEN = 0.1  # of full cover: pixels with less cover do not belong to a layer's box


def whole(draw: Rng, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return low + int(draw.uniform(0, 1) * (high - low + 1))


def colour(draw: Rng, low: int = 0, high: int = 255) -> tuple[int, int, int]:
    return whole(draw, low, high), whole(draw, low, high), whole(draw, low, high)


def phrase(draw: Rng, words: int = 1) -> str:
    """Random words without meaning, in a usual form of watermarks and titles."""

    def word() -> str:
        made = "".join(draw.choice(SYLLABLES) for _ in range(whole(draw, 1, 3)))
        return draw.choice((made, made.upper(), made.capitalize()))

    first = draw.choice(FORMS)
    return " ".join([first.format(*(word() for _ in range(first.count("{}"))))] + [word() for _ in range(words - 1)])


def line(draw: Rng, height: int, words: int = 1) -> np.ndarray:
    """A line of text as cover (0 to 1), cropped to its ink, about `height` pixels high; a third in Chinese-like
    strokes.
    """
    if draw.uniform(0, 1) < 0.33:
        mask = _strokes(draw, height, whole(draw, 2, 4) + 2 * words)
    else:
        mask = _letters(phrase(draw, words), height)
    cover = np.asarray(mask, np.float32) / 255
    rows, columns = np.nonzero(cover.max(1) > SEEN)[0], np.nonzero(cover.max(0) > SEEN)[0]
    return cover[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def turned(cover: np.ndarray, degrees: float) -> np.ndarray:
    """A cover map rotated about its centre, in a larger frame."""
    image = Image.fromarray((cover * 255).astype(np.uint8)).rotate(degrees, Image.Resampling.BICUBIC, expand=True)
    return np.asarray(image, np.float32) / 255


def fitted(cover: np.ndarray, width: int, height: int) -> np.ndarray:
    """A cover map reduced to fit into `width` x `height`, with its aspect kept."""
    share = min(1.0, width / cover.shape[1], height / cover.shape[0])
    if share == 1.0:
        return cover
    size = max(1, int(cover.shape[1] * share)), max(1, int(cover.shape[0] * share))
    return np.asarray(Image.fromarray(cover).resize(size, Image.Resampling.BOX), np.float32)


def blend(pixels: np.ndarray, cover: np.ndarray, paint: np.ndarray | tuple, left: int, top: int) -> Box | None:
    """Blend paint (one colour or H×W×3) into the picture, in place, by the cover map; returns the box of the covered
    pixels, or None.
    """
    height, width = pixels.shape[:2]
    x0, y0, x1, y1 = max(0, left), max(0, top), min(width, left + cover.shape[1]), min(height, top + cover.shape[0])
    if x0 >= x1 or y0 >= y1:
        return None
    part = cover[y0 - top : y1 - top, x0 - left : x1 - left, None]
    paint = np.asarray(paint, np.float32)
    if paint.ndim == 3:
        paint = paint[y0 - top : y1 - top, x0 - left : x1 - left]
    window = pixels[y0:y1, x0:x1]
    window[:] = (window + part * (paint - window) + 0.5).astype(np.uint8)
    rows, columns = (np.nonzero((part[..., 0] > SEEN * cover.max()).any(axis))[0] for axis in (1, 0))
    if not len(rows):
        return None
    return x0 + int(columns[0]), y0 + int(rows[0]), x0 + int(columns[-1]) + 1, y0 + int(rows[-1]) + 1


def reduced(layer: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Cover map and colours of an RGBA layer that was drawn `FINE` times too large."""
    small = layer.resize((layer.width // FINE, layer.height // FINE), Image.Resampling.BOX)
    values = np.asarray(small, np.float32)
    return values[..., 3] / 255, values[..., :3]


@lru_cache(maxsize=64)
def font(height: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(max(6, height))


def _letters(text: str, height: int) -> Image.Image:
    # letters of size s are about 0.9 s high from the top of a capital to the foot of a comma
    face = font(round(height / 0.9))
    left, top, right, bottom = (int(side) for side in face.getbbox(text))
    mask = Image.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(mask).text((1 - left, 1 - top), text, fill=255, font=face)
    return mask


def _strokes(draw: Rng, height: int, count: int) -> Image.Image:
    side, fine = max(7, height), 2
    big, pen = side * fine, max(1, round(side * fine / draw.uniform(9, 16)))
    mask = Image.new("L", (int(big * 1.1) * count, big))
    paint = ImageDraw.Draw(mask)
    for index in range(count):
        left = int(big * 1.1) * index
        for _ in range(whole(draw, 2, 4)):
            y, a, b = draw.uniform(0.06, 0.94), draw.uniform(0, 0.35), draw.uniform(0.6, 0.97)
            paint.line([left + a * big, y * big, left + b * big, y * big], fill=255, width=pen)
        for _ in range(whole(draw, 1, 3)):
            x, a, b = draw.uniform(0.08, 0.9), draw.uniform(0, 0.4), draw.uniform(0.6, 1)
            paint.line([left + x * big, a * big, left + x * big, b * big], fill=255, width=pen)
        for _ in range(whole(draw, 0, 2)):
            x, y, slope = draw.uniform(0.3, 0.7), draw.uniform(0.1, 0.5), draw.choice((-0.5, 0.5))
            paint.line(
                [left + x * big, y * big, left + (x + slope) * big * 0.95, (y + 0.45) * big], fill=255, width=pen
            )
    return mask.resize((mask.width // fine, mask.height // fine), Image.Resampling.BOX)
