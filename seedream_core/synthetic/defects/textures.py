"""Synthetic textures with the statistics of photographs: clean backgrounds for defects where there are no
photographs.

1/f noise, gradients, blobs, leaves, polygons, branches, and the regular patterns (stripes, bricks, grids) that a
detector would otherwise take for text and mosaics.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from seedream_core.randomness import Rng
from seedream_core.synthetic.defects import ink
from seedream_core.synthetic.defects.ink import whole

PATTERNS = ("stripes", "checks", "bricks", "dots")


def texture(width: int, height: int, draw: Rng) -> np.ndarray:
    """H×W×3 uint8: a ground with up to five textured objects and grain."""
    noise = np.random.Generator(np.random.PCG64(int(draw.uniform(0, 2**53))))
    ground = _gradient(width, height, draw) if draw.uniform(0, 1) < 0.35 else _clouds(width, height, draw, noise)
    image = Image.fromarray(ground)
    for _ in range(whole(draw, 0, 5)):
        image = draw.choice((_shapes, _leaf, _leaf, _leaf, _branches, _branches, _patch, _soft))(image, draw, noise)
    if draw.uniform(0, 1) < 0.4:
        image = image.filter(
            ImageFilter.GaussianBlur(draw.choice((1.5, 1.5, 6)) * draw.uniform(0.3, 1) * min(width, height) / 256)
        )
    values = np.asarray(image).astype(np.float32)
    if draw.uniform(0, 1) < 0.5:
        values += noise.standard_normal(values.shape[:2], np.float32)[..., None] * draw.uniform(1, 10)
    return values.clip(0, 255).astype(np.uint8)


def colour(draw: Rng, low: int = 0, high: int = 255) -> tuple[int, int, int]:
    """A colour nearer to grey than a uniform draw, like most colours in photographs."""
    bright, muted = ink.colour(draw, low, high), draw.uniform(0, 0.9)
    grey = sum(bright) / 3
    return tuple(round(grey + (part - grey) * (1 - muted)) for part in bright)


def _gradient(width: int, height: int, draw: Rng) -> np.ndarray:
    first, second = np.array(colour(draw), np.float32), np.array(colour(draw), np.float32)
    across, down = draw.uniform(-1, 1), draw.uniform(-1, 1)
    slope = (
        across * np.linspace(0, 1, width, dtype=np.float32)[None]
        + down * np.linspace(0, 1, height, dtype=np.float32)[:, None]
    )
    share = (slope - slope.min()) / max(1e-6, slope.max() - slope.min())
    return (first + share[..., None].astype(np.float32) * (second - first)).astype(np.uint8)


def _clouds(width: int, height: int, draw: Rng, noise: np.random.Generator) -> np.ndarray:
    """Light that falls off with frequency as in photographs (power 1.5 to 3), and colours that vary slowly."""

    def field(w: int, h: int, power: float) -> np.ndarray:
        down, across = np.fft.fftfreq(h)[:, None], np.fft.rfftfreq(w)[None]
        far = np.hypot(down, across).astype(np.float32)
        far[0, 0] = 1
        values = np.fft.irfft2(np.fft.rfft2(noise.standard_normal((h, w), np.float32)) / far ** (power / 2), (h, w))
        return (values / max(1e-6, values.std())).astype(np.float32)

    light = field(width, height, draw.uniform(1.5, 3.2)) * draw.uniform(10, 60)
    tints = np.stack([field(32, 32, 3) for _ in range(3)], -1) * draw.uniform(0, 20) + np.array(colour(draw, 40, 215))
    slow = Image.fromarray(tints.clip(0, 255).astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    return (np.asarray(slow, np.float32) + light[..., None]).clip(0, 255).astype(np.uint8)


def _shapes(image: Image.Image, draw: Rng, noise: np.random.Generator) -> Image.Image:
    paint = ImageDraw.Draw(image)
    for _ in range(whole(draw, 1, 6)):
        x, y, size = (
            draw.uniform(0, image.width),
            draw.uniform(0, image.height),
            min(image.size) * draw.uniform(0.05, 0.5),
        )
        if draw.uniform(0, 1) < 0.5:
            paint.ellipse((x - size, y - size * draw.uniform(0.3, 1), x + size, y + size), fill=colour(draw))
        else:
            corners = [(x + draw.uniform(-size, size), y + draw.uniform(-size, size)) for _ in range(whole(draw, 3, 6))]
            edge = colour(draw) if draw.uniform(0, 1) < 0.3 else None
            paint.polygon(corners, fill=colour(draw), outline=edge, width=whole(draw, 1, 4))
    return image


def _leaf(image: Image.Image, draw: Rng, noise: np.random.Generator) -> Image.Image:
    """Textured objects that cover one another (the dead-leaves model), whose edges have the statistics of
    photographs.
    """
    mask = Image.new("L", image.size)
    paint, flat = ImageDraw.Draw(mask), draw.uniform(0.4, 1)
    size = min(image.size) * draw.uniform(0.06, 0.4)
    for _ in range(draw.choice((1, 1, 3, 8))):
        x, y = draw.uniform(0, image.width), draw.uniform(0, image.height)
        if draw.uniform(0, 1) < 0.6:
            paint.ellipse((x - size, y - size * flat, x + size, y + size * flat), fill=255)
        else:
            paint.polygon(
                [(x + draw.uniform(-size, size), y + draw.uniform(-size, size)) for _ in range(whole(draw, 3, 6))],
                fill=255,
            )
    mask = mask.filter(ImageFilter.GaussianBlur(draw.uniform(0, 1.5) * min(image.size) / 256))
    own = _gradient if draw.uniform(0, 1) < 0.3 else lambda width, height, draw: _clouds(width, height, draw, noise)
    image.paste(Image.fromarray(own(*image.size, draw)), (0, 0), mask)
    return image


def _branches(image: Image.Image, draw: Rng, noise: np.random.Generator) -> Image.Image:
    paint, tone = ImageDraw.Draw(image), colour(draw)
    unit, jitter = min(image.size) / 256, draw.uniform(2, 30)
    for _ in range(whole(draw, 2, 25)):
        x, y, points = draw.uniform(0, image.width), draw.uniform(0, image.height), []
        across, down = draw.uniform(-20, 20), draw.uniform(-20, 20)
        for _ in range(whole(draw, 2, 7)):
            points.append((x, y))
            x += (across + draw.uniform(-jitter, jitter)) * unit
            y += (down + draw.uniform(-jitter, jitter)) * unit
        paint.line(points, fill=tone, width=max(1, round(draw.uniform(1, 5) * unit)))
    return image


def _patch(image: Image.Image, draw: Rng, noise: np.random.Generator) -> Image.Image:
    """A regular pattern in a part of the picture, or over all of it."""
    width, height = image.size
    step = max(2.0, min(width, height) * draw.uniform(0.012, 0.08))
    down, across = np.mgrid[:height, :width].astype(np.float32) / step
    angle, form = draw.choice((0.0, 0.0, draw.uniform(-0.8, 0.8))), draw.choice(PATTERNS)
    across, down = across * np.cos(angle) + down * np.sin(angle), down * np.cos(angle) - across * np.sin(angle)
    share = draw.uniform(0.2, 0.6)
    if form == "stripes":
        cover = across % 1 < share
    elif form == "checks":
        cover = (np.floor(across) + np.floor(down)) % 2 == 0
    elif form == "bricks":
        cover = (down % 1 < 0.2) | ((across / 2 + 0.5 * (np.floor(down) % 2)) % 1 < 0.1)
    else:
        cover = np.hypot(across % 1 - 0.5, down % 1 - 0.5) < 0.2 + 0.4 * share
    if draw.uniform(0, 1) < 0.7:
        x, y = draw.uniform(0, width), draw.uniform(0, height)
        far = np.hypot(np.arange(width, dtype=np.float32)[None] - x, np.arange(height, dtype=np.float32)[:, None] - y)
        cover = cover & (far < min(width, height) * draw.uniform(0.2, 0.7))
    strength = draw.uniform(0.1, 0.9)
    values = np.asarray(image, np.float32)
    values = values + (cover * np.float32(strength))[..., None] * (np.array(colour(draw), np.float32) - values)
    return Image.fromarray(values.astype(np.uint8))


def _soft(image: Image.Image, draw: Rng, noise: np.random.Generator) -> Image.Image:
    """A blob of light or shade without an edge."""
    width, height = image.size
    x, y, size = draw.uniform(0, width), draw.uniform(0, height), min(width, height) * draw.uniform(0.05, 0.4)
    far = (
        (np.arange(width, dtype=np.float32)[None] - x) ** 2
        + ((np.arange(height, dtype=np.float32)[:, None] - y) * draw.uniform(0.5, 2)) ** 2
    ) / size**2
    values, share = np.asarray(image, np.float32), np.exp(-far) * draw.uniform(0.3, 1)
    return Image.fromarray(
        (values + share[..., None].astype(np.float32) * (np.array(colour(draw), np.float32) - values)).astype(np.uint8)
    )
