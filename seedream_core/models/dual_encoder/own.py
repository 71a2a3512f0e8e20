"""The dual encoder that this project trains: two towers and a byte-level tokenizer, saved as `config.yaml`, weights,
tokenizer and calibration.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor

from seedream_core.errors import DataError
from seedream_core.models import network
from seedream_core.models.dual_encoder.base import CALIBRATION, DualEncoderBase
from seedream_core.models.dual_encoder.calibration import Calibration, read_calibration
from seedream_core.models.dual_encoder.towers import Towers
from seedream_core.models.dual_encoder.towers_config import TowersConfig
from seedream_core.models.text.tokenizer import END, tokenize
from seedream_core.workflow.artifact import write_atomic

EIGHT = 8
TOKENIZER = "tokenizer.json"


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


def square(pixels: np.ndarray, side: int) -> np.ndarray:
    """The whole picture resized to side×side×3. It is not cropped, because a caption describes all of it; its aspect is
    lost.
    """
    if pixels.shape[:2] == (side, side):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0))


def _count(value: object, folder: Path) -> int:
    if type(value) is not int or not 0 < value <= 10**6:
        raise DataError(
            f"{folder / 'config.yaml'}: vocabulary is not a number of tokens", "make the dual encoder again"
        )
    return value
