"""The artifact of kind `dual_encoder`: pictures and captions to unit vectors of one space; ours, or one from outside.

A picture or caption gets the same bits whatever stands beside it: a product's last ones depend on its shape, so always
BLOCK of them pass a network at once, captions padded to a length that is their own.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from seedream_core.data.images.pictures import square
from seedream_core.errors import DataError
from seedream_core.models import network
from seedream_core.models.calibration import Calibration, read_calibration
from seedream_core.models.text.tokenizer import END, tokenize
from seedream_core.models.towers import Towers
from seedream_core.models.towers_config import TowersConfig
from seedream_core.workflow.artifact import write_atomic

BLOCK = 16
EIGHT = 8
TOKENIZER, CALIBRATION = "tokenizer.json", "calibration.json"


class DualEncoderBase(ABC):
    """`images` and `texts` are N×dim, float32, each row of length 1."""

    dim: int
    scale: float
    """What a cosine counts as a logit."""
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
        """Tokens that each caption is to be padded to, by itself alone."""

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
        """How likely it is, from 0 to 1, that each picture's captions were written for it rather than for another."""
        return self.calibration(self.logits(pictures, captions))

    def logits(self, pictures: np.ndarray, captions: Sequence[Sequence[str]]) -> np.ndarray:
        """N×2: the mean logit of a picture's captions, and that of captions of all sorts (the log of their mean
        odds).
        """
        if self._references is None:
            self._references = self.texts(self.calibration.references)
        texts = self.texts([text for own in captions for text in own])
        found, first = np.empty((len(captions), 2)), 0
        for row, (picture, own) in enumerate(zip(pictures.astype(np.float32), captions)):
            # one picture at a time: the same bits in any company
            others = self.scale * (self._references @ picture)
            found[row] = (
                (self.scale * (texts[first : first + len(own)] @ picture)).mean(),
                np.log(np.exp(others - others.max()).mean()) + others.max(),
            )
            first += len(own)
        return found


class DualEncoder(DualEncoderBase):
    """Our own towers and tokenizer."""

    def __init__(self, towers: Towers, tokenizer: Tokenizer, calibration: Calibration) -> None:
        self.towers, self.tokenizer, self.calibration = towers.eval(), tokenizer, calibration
        self.dim, self.scale = towers.config.dim, float(towers.scale.detach())

    def _image_block(self, pixels: Sequence[np.ndarray]) -> Tensor:
        squares = torch.from_numpy(np.stack([square(one, self.towers.config.size) for one in pixels]))
        return self.towers.image(squares.permute(0, 3, 1, 2).float().div_(127.5).sub_(1))

    def _lengths(self, texts: Sequence[str]) -> list[int]:
        most = self.towers.config.max_tokens
        return [
            min(most, -(-int(length) // EIGHT) * EIGHT) for length in tokenize(self.tokenizer, texts, most)[1].sum(1)
        ]

    def _text_block(self, texts: Sequence[str], length: int) -> Tensor:
        ids, mask = tokenize(self.tokenizer, texts, self.towers.config.max_tokens)
        return self.towers.text(*(torch.nn.functional.pad(part, (0, length - part.shape[1])) for part in (ids, mask)))

    def save(self, folder: Path) -> None:
        network.save(
            folder,
            self.towers.config,
            self.towers.state_dict(),
            extra={"vocabulary": self.tokenizer.get_vocab_size()},
            dtype=torch.bfloat16,
        )
        write_atomic(folder / TOKENIZER, self.tokenizer.to_str())
        write_atomic(folder / CALIBRATION, json.dumps(asdict(self.calibration), ensure_ascii=False))

    @classmethod
    def load(cls, folder: Path) -> "DualEncoder":
        towers = network.load(
            folder, TowersConfig, lambda config, extra: Towers(config, _count(extra.get("vocabulary"), folder))
        )
        try:
            tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        except Exception as error:  # tokenizers raises bare Exception
            raise DataError(f"{folder / TOKENIZER}: not readable ({error})", "make the dual encoder again") from None
        if tokenizer.token_to_id(END) is None or tokenizer.get_vocab_size() != towers.text.tokens.num_embeddings:
            raise DataError(f"{folder / TOKENIZER}: not the vocabulary of these weights", "make the dual encoder again")
        return cls(towers, tokenizer, read_calibration(folder / CALIBRATION))


def load(folder: Path) -> DualEncoderBase:
    """The encoder of an artifact of kind `dual_encoder`, or of a transformers folder of the CLIP or SigLIP kind."""
    folder = Path(folder)
    inner = folder / "network" if (folder / "network").is_dir() else folder
    if (inner / "config.yaml").is_file():
        return DualEncoder.load(inner)
    from seedream_core.models.hf_dual_encoder import HfDualEncoder

    return HfDualEncoder.load(inner)


def _count(value: object, folder: Path) -> int:
    if type(value) is not int or not 0 < value <= 10**6:
        raise DataError(f"{folder / 'config.yaml'}: vocabulary is no number of tokens", "make the dual encoder again")
    return value
