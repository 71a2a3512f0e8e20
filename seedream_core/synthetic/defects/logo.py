"""Logo defects: a small opaque emblem in a corner (plate, ring or shield with an inner mark and letters; our
design).
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from seedream_core.randomness import Rng
from seedream_core.synthetic.defects import Box, Defect
from seedream_core.synthetic.defects.ink import FINE, LETTERS, blend, colour, font, reduced


@dataclass(frozen=True, kw_only=True)
class Logo(Defect):
    """Logos have several colours, an edge and letters, because a plain red circle in a corner would be content."""

    def __call__(self, pixels: np.ndarray, draw: Rng) -> tuple[np.ndarray, list[Box]]:
        height, width = pixels.shape[:2]
        side = min(width, height)
        tall = max(12, round(side * draw.uniform(0.16, 0.34)))
        cover, paint = reduced(_emblem(draw, round(tall * draw.choice((1.0, 1.0, 1.6, 2.2))), tall))
        margin = round(side * draw.uniform(0.0, 0.06))
        left = draw.choice((margin, width - margin - cover.shape[1]))
        top = draw.choice((margin, height - margin - cover.shape[0]))
        out = pixels.copy()
        box = blend(out, cover, paint, left, top)
        return out, [box] if box else []


def _emblem(draw: Rng, width: int, height: int) -> Image.Image:
    width, height = width * FINE, height * FINE
    plate, mark, edge = colour(draw), colour(draw), draw.choice(((255, 255, 255), (15, 15, 15), colour(draw)))
    letters = "".join(draw.choice(LETTERS[:26]) for _ in range(1 + int(draw.uniform(0, 3)) + (width > height)))
    pen, layer = max(2, round(height / draw.uniform(10, 18))), Image.new("RGBA", (width, height))
    paint, form = ImageDraw.Draw(layer), draw.choice(("ring", "plate", "shield"))
    frame = (0, 0, width - 1, height - 1)
    if form == "ring":
        paint.ellipse(frame, fill=plate, outline=edge, width=pen)
        inner = (width * 0.17, height * 0.17, width * 0.83, height * 0.83)
        paint.ellipse(inner, fill=mark, outline=edge, width=max(1, pen // 2))
    elif form == "plate":
        paint.rounded_rectangle(frame, height * draw.uniform(0, 0.3), fill=plate, outline=edge, width=pen)
        paint.rectangle((pen, height * draw.uniform(0.6, 0.8), width - pen - 1, height - pen - 1), fill=mark)
    else:
        outline = [(0, 0), (width - 1, 0), (width - 1, height * 0.6), (width / 2, height - 1), (0, height * 0.6)]
        paint.polygon(outline, fill=plate, outline=edge, width=pen)
        paint.polygon([(width / 2, height * 0.15), (width * 0.8, height * 0.6), (width * 0.2, height * 0.6)], fill=mark)
    face = font(round(min(height * 0.5, width * 1.2 / len(letters))))
    dark = sum(plate) + sum(mark) > 3 * 255
    paint.text(
        (width / 2, height * 0.48), letters, fill=(15, 15, 15) if dark else (250, 250, 250), font=face, anchor="mm"
    )
    return layer
