"""Sticker defects: opaque cut-outs with a pale edge and a shadow (faces, bursts, bubbles, price tags; our design)."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from seedream_core.randomness import Rng
from seedream_core.synthetic.defects import Box, Defect
from seedream_core.synthetic.defects.ink import FINE, LETTERS, blend, colour, font, reduced, whole


@dataclass(frozen=True, kw_only=True)
class Sticker(Defect):
    """Edge, shadow and inner drawing distinguish a sticker from a flat shape, which is content. The box leaves out the
    soft shadow.
    """

    def __call__(self, pixels: np.ndarray, draw: Rng) -> tuple[np.ndarray, list[Box]]:
        height, width = pixels.shape[:2]
        side = max(14, round(min(width, height) * draw.uniform(0.2, 0.62)))
        cover, paint = reduced(_drawing(draw, side * FINE))
        if draw.uniform(0, 1) < 0.5:
            cover, paint = _turned(cover, paint, draw.uniform(-30, 30))
        left, top = (
            whole(draw, 0, max(0, most - size)) for most, size in ((width, cover.shape[1]), (height, cover.shape[0]))
        )
        out, soft = pixels.copy(), max(1, side // 24)
        shadow = Image.fromarray((np.pad(cover, 2 * soft) * 255).astype(np.uint8)).filter(
            ImageFilter.GaussianBlur(soft)
        )
        blend(out, np.asarray(shadow, np.float32) / 255 * draw.uniform(0.2, 0.5), (0, 0, 0), left - soft, top - soft)
        box = blend(out, cover, paint, left, top)
        return out, [box] if box else []


def _turned(cover: np.ndarray, paint: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    layer = Image.fromarray(np.dstack([paint, cover * 255]).astype(np.uint8), "RGBA")
    values = np.asarray(layer.rotate(degrees, Image.Resampling.BICUBIC, expand=True), np.float32)
    return values[..., 3] / 255, values[..., :3]


def _drawing(draw: Rng, side: int) -> Image.Image:
    form = draw.choice(("face", "burst", "bubble", "tag"))
    height = side if form in ("face", "burst") else round(side * draw.uniform(0.55, 0.95))
    layer, rim = Image.new("RGBA", (side, height)), max(FINE, side // 18)
    paint, body, mark = ImageDraw.Draw(layer), colour(draw, 60), colour(draw, 0, 200)
    pale = draw.choice(((255, 255, 255), (255, 255, 255), (245, 240, 200)))
    if form == "face":
        _face(paint, side, rim, draw.choice(((255, 205, 50), (255, 205, 50), body)), pale, draw)
        return layer
    if form == "burst":
        spikes, depth = whole(draw, 10, 18), draw.uniform(0.75, 0.9)
        for size, ink in ((0.5, pale), (0.5 - rim / side, body)):
            paint.polygon(_star(side / 2, size * side, depth, spikes), fill=ink)
        paint.ellipse((side * 0.2, side * 0.2, side * 0.8, side * 0.8), outline=pale, width=max(2, rim // 2))
    elif form == "bubble":
        tail = [(side * 0.25, height * 0.7), (side * 0.2, height - 1), (side * 0.5, height * 0.75)]
        paint.polygon(tail, fill=pale, outline=(20, 20, 20), width=max(2, rim // 2))
        frame = (0, 0, side - 1, height * 0.82)
        paint.rounded_rectangle(
            frame, height * 0.3, fill=draw.choice((pale, body)), outline=(20, 20, 20), width=max(2, rim // 2)
        )
    else:
        paint.rounded_rectangle((0, 0, side - 1, height - 1), height * 0.2, fill=body, outline=pale, width=rim)
        paint.rectangle((rim, height * 0.62, side - rim - 1, height - rim - 1), fill=mark)
    letters = "".join(draw.choice(LETTERS + "!%$") for _ in range(whole(draw, 2, 5)))
    ink = (20, 20, 20) if sum(body) > 380 or form == "bubble" else (255, 255, 255)
    paint.text((side / 2, height * 0.42), letters, fill=ink, font=font(round(side * 0.95 / len(letters))), anchor="mm")
    return layer


def _star(middle: float, radius: float, depth: float, spikes: int) -> list[tuple[float, float]]:
    points = [(radius * (1 if step % 2 == 0 else depth), math.pi * step / spikes) for step in range(2 * spikes)]
    return [(middle + far * math.cos(angle), middle + far * math.sin(angle)) for far, angle in points]


def _face(paint: ImageDraw.ImageDraw, side: int, rim: int, body: tuple, pale: tuple, draw: Rng) -> None:
    dark, pen = (60, 35, 10), max(2, side // 22)
    paint.ellipse((0, 0, side - 1, side - 1), fill=pale)
    paint.ellipse((rim, rim, side - rim - 1, side - rim - 1), fill=body, outline=dark, width=max(2, pen // 2))
    size = side * draw.uniform(0.05, 0.1)
    for x in (0.34, 0.66):
        paint.ellipse((side * x - size, side * 0.38 - 1.3 * size, side * x + size, side * 0.38 + 1.3 * size), fill=dark)
    mouth = (side * 0.25, side * 0.35, side * 0.75, side * draw.uniform(0.7, 0.82))
    if draw.uniform(0, 1) < 0.5:
        paint.chord(mouth, 10, 170, fill=(200, 40, 50), outline=dark, width=max(1, pen // 2))
    else:
        paint.arc(mouth, 20, 160, fill=dark, width=pen)
