"""Base of dual encoders: unit vectors of pictures and captions, logits, and the probability that they agree.

A picture or caption gets the same bits in any batch. The last bits of a matrix product depend on its shape, so the
network always gets BLOCK items at once, and each caption is padded to a length that depends on that caption alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from seedream_core.models.dual_encoder.calibration import Calibration

BLOCK = 16
CALIBRATION = "calibration.json"


class DualEncoderBase(ABC):
    """`images` and `texts` are N×dim, float32, each row of length 1."""

    dim: int
    scale: float
    """Factor from cosine to logit."""
    calibration: Calibration
    _references: np.ndarray | None = None

    @abstractmethod
    def _image_block(self, pixels: Sequence[np.ndarray]) -> Tensor:
        """BLOCK pictures, H×W×3 uint8 of any sizes -> BLOCK×dim, not yet of length 1."""

    @abstractmethod
    def _text_block(self, texts: Sequence[str], length: int) -> Tensor:
        """BLOCK captions, padded to `length` tokens -> BLOCK×dim, not yet of length 1."""

    @abstractmethod
    def _lengths(self, texts: Sequence[str]) -> list[int]:
        """The padded length of each caption in tokens, from that caption alone."""

    def images(self, pixels: Sequence[np.ndarray]) -> np.ndarray:
        blocks = [
            self._embed(self._image_block, pixels[first : first + BLOCK]) for first in range(0, len(pixels), BLOCK)
        ]
        return np.concatenate(blocks) if blocks else np.empty((0, self.dim), np.float32)

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        found = np.empty((len(texts), self.dim), np.float32)
        groups: dict[int, list[int]] = {}
        for row, length in enumerate(self._lengths(texts) if texts else ()):
            groups.setdefault(length, []).append(row)
        for length, rows in groups.items():
            for first in range(0, len(rows), BLOCK):
                some = rows[first : first + BLOCK]
                found[some] = self._embed(lambda block: self._text_block(block, length), [texts[row] for row in some])
        return found

    @torch.no_grad()
    def _embed(self, network: Callable[[Sequence], Tensor], items: Sequence) -> np.ndarray:
        full = [*items, *(items[-1:] * (BLOCK - len(items)))]
        return torch.nn.functional.normalize(network(full).float(), dim=-1)[: len(items)].numpy()

    def agreement(self, pictures: np.ndarray, captions: Sequence[Sequence[str]]) -> np.ndarray:
        """The probability that each picture's captions were written for it rather than for another picture."""
        return self.calibration(self.logits(pictures, captions))

    def logits(self, pictures: np.ndarray, captions: Sequence[Sequence[str]]) -> np.ndarray:
        """N×2: the mean logit of a picture's captions, and that of the reference captions (the log of their mean
        odds).
        """
        if self._references is None:
            self._references = self.texts(self.calibration.references)
        texts = self.texts([text for own in captions for text in own])
        found, first = np.empty((len(captions), 2)), 0
        for row, (picture, own) in enumerate(zip(pictures.astype(np.float32), captions)):
            # one picture at a time: the same bits in any batch
            others = self.scale * (self._references @ picture)
            found[row] = (
                (self.scale * (texts[first : first + len(own)] @ picture)).mean(),
                np.log(np.exp(others - others.max()).mean()) + others.max(),
            )
            first += len(own)
        return found
