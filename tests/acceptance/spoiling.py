"""Planted blur, noise and mild changes: what a funnel must drop, and what it must not mind."""

import io

import numpy as np
from PIL import Image, ImageEnhance


def gaussian(pixels: np.ndarray, sigma: float) -> np.ndarray:
    """Blurred by a true Gaussian (Pillow's is three boxes), mirrored at the borders."""
    reach = int(4 * sigma + 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    values = pixels.astype(np.float32)
    for axis in (0, 1):
        pad = [(0, 0)] * 3
        pad[axis] = (reach, reach)
        padded = np.pad(values, pad, "symmetric")
        length = values.shape[axis]
        values = sum(
            weight * np.take(padded, range(at, at + length), axis)
            for at, weight in enumerate(kernel.astype(np.float32))
        )
    return (values + 0.5).clip(0, 255).astype(np.uint8)


def noisy(pixels: np.ndarray, sigma: float, draw: np.random.Generator, gray: bool = False) -> np.ndarray:
    """White Gaussian noise, the same in all channels where `gray`."""
    noise = draw.normal(0, sigma, (*pixels.shape[:2], 1 if gray else 3))
    return (pixels + noise + 0.5).clip(0, 255).astype(np.uint8)


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=quality)
    return np.asarray(Image.open(data).convert("RGB"))


def brightness(pixels: np.ndarray, factor: float) -> np.ndarray:
    return np.asarray(ImageEnhance.Brightness(Image.fromarray(pixels)).enhance(factor))


def smaller(pixels: np.ndarray, factor: float) -> np.ndarray:
    height, width = (round(side * factor) for side in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
